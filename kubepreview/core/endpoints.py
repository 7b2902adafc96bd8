"""Where the pods behind a preview's entry answer, read from the Service and the pods themselves."""

from __future__ import annotations

from typing import Any

from kubepreview.core.kinds import as_mapping
from kubepreview.core.model import Entry, ObjectRef
from kubepreview.core.observed import Observed
from kubepreview.core.wire import Object


def ready_endpoints(entry: Entry, observed: Observed) -> tuple[str, ...]:
    """``address:port`` of each pod that is ready to answer for the entry's Service."""
    ref = ObjectRef(api_version="v1", kind="Service", name=entry.service)
    spec = as_mapping(as_mapping(observed.objects.get(ref)).get("spec"))
    port = next(
        (each for each in spec.get("ports") or () if entry.port in (each["port"], each.get("name"))), None
    )
    selector = as_mapping(spec.get("selector"))
    if port is None or not selector:
        return ()
    found = (_endpoint(pod, port) for pod in observed.pods if _is_selected(pod, selector) and _is_ready(pod))
    return tuple(sorted(each for each in found if each))


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
