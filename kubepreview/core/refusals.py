"""What the apiserver said no to, in words for the author: object, field, rule, cure."""

from __future__ import annotations

from typing import Final

from kubepreview.core.model import ObjectRef

# The rule that spoke, by words only it uses in the apiserver's message, and what the author can do.
_CURES: Final = (
    ("exceeded quota", "lower what it asks for, or have the project's quota raised"),
    ("violates PodSecurity", "remove the field; the project's podProfile says what pods may have"),
    ("when `hostUsers` is false", "leave the field out; every pod has a user namespace of its own"),
    ("provided port is not in the valid range", "use a port between 1 and 65535"),
    ("ValidatingAdmissionPolicy", "change the field that the policy names"),
    ("is forbidden: User", "this kind is not part of a preview; remove the object"),
    ("unknown field", "correct the spelling of the field"),
    ("field not declared in schema", "correct the spelling of the field"),
    ("no matches for kind", "use an apiVersion that the cluster serves"),
    ("field is immutable", "give the object another name, or keep the field as it was"),
    ("Invalid value", "correct the field"),
    ("Required value", "add the field"),
)


def refusal(ref: ObjectRef, message: str) -> str:
    """One sentence: which object, what the server said, and what mends it."""
    return f"{ref.kind}/{ref.name}: {with_cure(message)}"


def with_cure(message: str) -> str:
    """What the server said, and what mends it where that is known."""
    cure = next((cure for words, cure in _CURES if words in message), "")
    return message + (f" → {cure}" if cure else "")
