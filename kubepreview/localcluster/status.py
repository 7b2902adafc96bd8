"""What the node says of itself, in a file that is replaced whole, so that nobody reads half of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(slots=True, kw_only=True)
class ComponentStatus:
    """A program of the node, or a step of its start."""

    state: str = "waiting"  # waiting, starting, ready, restarting; for a step also done
    pid: int = 0  # as the node counts; 0 for a step
    ready_after_s: float = 0.0  # from the start of the node
    took_s: float = 0.0
    restarts: int = 0
    last_exit: str = ""


@dataclass(slots=True, kw_only=True)
class NodeStatus:
    """The whole node."""

    state: str = "starting"  # starting, ready, failed
    failure: str = ""
    hint: str = ""
    components: dict[str, ComponentStatus] = field(default_factory=dict)

    def to_json(self) -> str:
        """Text for the file."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> NodeStatus:
        """The inverse of `to_json`."""
        raw = json.loads(text)
        components = {name: ComponentStatus(**value) for name, value in raw.pop("components").items()}
        return cls(components=components, **raw)

    def programs(self) -> frozenset[int]:
        """The processes of the programs, as the node counts."""
        return frozenset(component.pid for component in self.components.values() if component.pid)

    def settled(self) -> bool:
        """Whether every program runs and every step is done, now."""
        return self.state == "ready" and all(
            component.state in ("ready", "done") for component in self.components.values()
        )


def write(path: Path, status: NodeStatus) -> None:
    """Replace the file."""
    temporary = path.with_suffix(".new")
    temporary.write_text(status.to_json())
    temporary.replace(path)


def read(path: Path) -> NodeStatus | None:
    """The last word of the node, or None when it has not spoken yet."""
    try:
        return NodeStatus.from_json(path.read_text())
    except FileNotFoundError:
        return None
