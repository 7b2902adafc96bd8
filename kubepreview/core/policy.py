"""What a policy is: a row of the tables `pod_policies` and `policies`. `admission` makes objects of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from kubepreview.core import foreign, keys

PREVIEWS: Final = {keys.MANAGED: "true"}


class Rule(Struct, frozen=True):
    """What must hold of an object, in CEL, and what its author is told when it does not."""

    holds: str
    message: str


class Policy(Struct, frozen=True, kw_only=True):
    """One policy over some resources (group, plural), whoever writes them.

    With `puts_in` (an object to apply) or `patches` (a list of JSON patches) it mutates where `when` holds,
    with `rules` it validates there. Pods are looked at when they are created only: scheduler and kubelet
    write them later, and what the rules speak of cannot be changed then.
    """

    name: str
    resources: tuple[tuple[str, str], ...]
    operations: tuple[str, ...] = ("CREATE",)
    namespaces: Mapping[str, str] = field(default_factory=lambda: PREVIEWS)
    when: str = ""
    puts_in: str = ""
    patches: str = ""
    rules: tuple[Rule, ...] = ()

    @property
    def mutates(self) -> bool:
        """Whether it changes what is sent, or only says no."""
        return bool(self.puts_in or self.patches)


def _obeyed_by_nobody(place: str) -> str:
    """No key of these annotations or labels is one that somebody else obeys."""
    return f"object.metadata.?{place}.orValue({{}}).all(key, !key.matches(r'{foreign.PATTERN}'))"


_NOTHING: Final = "and a pull request asks nothing of others in the cluster; remove the key"
# Of pods as of everything else, whose templates these come from.
ASKS_NOBODY: Final = tuple(
    Rule(_obeyed_by_nobody(place), f"metadata.{place} has a key that another controller obeys, {_NOTHING}")
    for place in ("annotations", "labels")
)
