"""Where the pods behind a preview's entry answer, read from the Service and the pods themselves."""

from __future__ import annotations

from typing import Any

from kubepreview.core.kinds import as_mapping
from kubepreview.core.model import Entry, ObjectRef
from kubepreview.core.observed import Observed
from kubepreview.core.wire import Object


def ready_endpoints(entry: Entry, observed: Observed) -> tuple[str, ...]:
    """``address:port`` of each pod that is ready to answer for the entry's Service."""
    ports = _service(entry, observed).get("ports") or ()
    port = next((each for each in ports if entry.port in (each["port"], each.get("name"))), None)
    if port is None:
        return ()
    found = (_endpoint(pod, port) for pod in ready_pods(entry, observed))
    return tuple(sorted(each for each in found if each))


def ready_pods(entry: Entry, observed: Observed) -> tuple[Object, ...]:
    """The pods that are ready to answer for the entry's Service."""
    selector = as_mapping(_service(entry, observed).get("selector"))
    if not selector:
        return ()
    return tuple(pod for pod in observed.pods if _is_selected(pod, selector) and _is_ready(pod))


def _service(entry: Entry, observed: Observed) -> Object:
    """Its spec; empty while it is not there."""
    ref = ObjectRef(api_version="v1", kind="Service", name=entry.service)
    return as_mapping(as_mapping(observed.objects.get(ref)).get("spec"))


def _is_selected(pod: Object, selector: Object) -> bool:
    return selector.items() <= as_mapping(pod["metadata"].get("labels")).items()


def _is_ready(pod: Object) -> bool:
    conditions = as_mapping(pod.get("status")).get("conditions") or ()
    is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return is_ready and "deletionTimestamp" not in pod["metadata"]


def _endpoint(pod: Object, port: Object) -> str:
    address, number = as_mapping(pod.get("status")).get("podIP", ""), _number(pod, port)
    if not address or not number:
        return ""
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"


def _number(pod: Object, port: Object) -> int:
    """A Service leads to a number, or to the port of a container by its name."""
    target: Any = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for container in pod["spec"]["containers"]:
        for each in container.get("ports") or ():
            if each.get("name") == target:
                return int(each["containerPort"])
    return 0
