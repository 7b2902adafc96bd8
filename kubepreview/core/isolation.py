"""A first init container that ends once the network policies hold its pod: put in, and required, by policy.

Kubernetes asks network plugins to isolate a pod before it starts. Some do so a moment later, and in that
moment the code of a pull request could connect anywhere. A container of the same pod sees what others would.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from kubepreview.core import keys
from kubepreview.core.kinds import as_mapping

# Stands for the product's own image until it is installed.
IMAGE: Final = "$(IMAGE)"
NAME: Final = "kubepreview-isolation"
NAMESPACES: Final = {keys.MANAGED: "true", keys.POD_START: keys.WHEN_ISOLATED}
# By a Service of this name a preview would tell its pods another address of the apiserver.
APISERVER: Final = "kubernetes"
COMMAND: Final = ("python3", "-I", "-S", "/opt/kubepreview/source/kubepreview/isolation/until_isolated.py")
_COMMAND: Final = json.dumps(COMMAND)
# Enough for a start without delay; small beside what any application asks for.
_RESOURCES: Final = json.dumps(
    {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}}
)
# Anything by which the same program would do something else.
_ABSENT: Final = ("args", "env", "envFrom", "lifecycle", "restartPolicy", "volumeDevices", "volumeMounts")
_FIRST: Final = "object.spec.?initContainers.orValue([])"

MISSING: Final = f"!{_FIRST}.exists(each, each.name == '{NAME}')"
_CONTAINER: Final = (
    f'{{"name": dyn("{NAME}"), "image": dyn("{IMAGE}"), "command": dyn({_COMMAND}), '
    f'"resources": dyn({_RESOURCES}), "securityContext": dyn({{"runAsNonRoot": dyn(true), '
    '"runAsUser": dyn(65532), "allowPrivilegeEscalation": dyn(false), "readOnlyRootFilesystem": dyn(true), '
    '"capabilities": dyn({"drop": ["ALL"]})})}'
)
PATCHES: Final = (
    "has(object.spec.initContainers) ? "
    f'[JSONPatch{{op: "add", path: "/spec/initContainers/0", value: {_CONTAINER}}}] : '
    f'[JSONPatch{{op: "add", path: "/spec/initContainers", value: [{_CONTAINER}]}}]'
)
IS_FIRST: Final = (
    f"{_FIRST}.size() > 0 && [object.spec.initContainers[0]].all(each, each.name == '{NAME}' && "
    f"each.?image.orValue('') == '{IMAGE}' && each.?command.orValue([]) == {_COMMAND} && "
    f"{' && '.join(f'!has(each.{field})' for field in _ABSENT)})"
)


def is_over(container: Mapping[str, Any]) -> bool:
    """Whether this status is of a wait that ended well, and said nothing."""
    ended = as_mapping(as_mapping(container.get("state")).get("terminated"))
    return container.get("name") == NAME and ended.get("exitCode") == 0
