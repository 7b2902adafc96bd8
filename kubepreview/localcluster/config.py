"""All that a node is told at its start; written by `cluster`, read by `node`, compared to see a change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import Any

from kubepreview.localcluster.ranges import Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports on 127.0.0.1 of the host."""

    ingress: int
    api: int
    registry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemImages:
    """The references of the images a cluster cannot do without."""

    pause: str
    coredns: str
    traefik: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """One node. Two equal configurations give byte-equal flags and files."""

    name: str
    state: str
    cgroup: str
    host_interface: str
    bridge: str
    ranges: Ranges
    ports: Ports
    programs: Mapping[str, str]
    images: SystemImages
    archives: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""

    def program(self, name: str) -> str:
        """Where the program is; an unknown name is a mistake of ours, told as KeyError."""
        return self.programs[name]

    def program_directories(self, *names: str) -> tuple[str, ...]:
        """The directories of the programs, each once, in order."""
        return tuple(dict.fromkeys(str(PurePosixPath(self.program(name)).parent) for name in names))

    def to_json(self) -> str:
        """Text for the file."""
        raw = asdict(self)
        raw["ranges"] = {key: str(value) for key, value in raw["ranges"].items()}
        return json.dumps(raw, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> NodeConfig:
        """The inverse of `to_json`."""
        raw: dict[str, Any] = json.loads(text)
        ranges = {key: IPv4Network(value) for key, value in raw.pop("ranges").items()}
        return cls(
            ranges=Ranges(**ranges),
            ports=Ports(**raw.pop("ports")),
            images=SystemImages(**raw.pop("images")),
            **raw,
        )
