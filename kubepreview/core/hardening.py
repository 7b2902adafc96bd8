"""What Pod Security `restricted` asks of every container alike, put in where it is not said, in CEL.

Whether an image runs as root only its author knows; that it gains no privileges and has no capabilities is
the same for everybody. As JSON patches: a list such as that of capabilities cannot be merged by apply.
"""

from __future__ import annotations

from typing import Final

_LISTS: Final = ("containers", "initContainers")
_CONTEXT: Final = "each.securityContext"
_HAS_DROP: Final = f"has({_CONTEXT}) && has({_CONTEXT}.capabilities) && has({_CONTEXT}.capabilities.drop)"
# In the list of containers named %s.
_TYPE: Final = "Object.spec.%s.securityContext"
_CONFINED: Final = f'{_TYPE}.capabilities{{drop: ["ALL"]}}'
# What is missing of a container, where it belongs, and what is put there. One that is privileged is refused
# by its own name.
_MISSING: Final = (
    (
        f"!has({_CONTEXT})",
        "securityContext",
        f"{_TYPE}{{allowPrivilegeEscalation: false, capabilities: {_CONFINED}}}",
    ),
    (
        f"has({_CONTEXT}) && !has({_CONTEXT}.allowPrivilegeEscalation) && !has({_CONTEXT}.privileged)",
        "securityContext/allowPrivilegeEscalation",
        "false",
    ),
    (f"has({_CONTEXT}) && !has({_CONTEXT}.capabilities)", "securityContext/capabilities", _CONFINED),
    (
        f"has({_CONTEXT}) && has({_CONTEXT}.capabilities) && !has({_CONTEXT}.capabilities.drop)",
        "securityContext/capabilities/drop",
        '["ALL"]',
    ),
    # Also where only some are dropped, or "all": Pod Security would refuse it.
    (
        f"{_HAS_DROP} && !{_CONTEXT}.capabilities.drop.exists(name, name == 'ALL')",
        "securityContext/capabilities/drop/-",
        '"ALL"',
    ),
)


def _every(name: str) -> str:
    return f"object.spec.?{name}.orValue([])"


def _patches(name: str, condition: str, place: str, value: str) -> str:
    path = f"'/spec/{name}/' + string(index) + '/{place}'"
    patch = f'JSONPatch{{op: "add", path: {path}, value: {value.replace("%s", name)}}}'
    return f"{_every(name)}.transformList(index, each, {condition}, {patch})"


# Whether anything is missing, and the patches that put it in.
WHEN: Final = " || ".join(
    f"{_every(name)}.exists(each, {condition})" for name in _LISTS for condition, _, _ in _MISSING
)
PATCHES: Final = " + ".join(_patches(name, *each) for name in _LISTS for each in _MISSING)
