"""The registry (distribution), with everything on disk, so that a killed one forgets no image."""

from __future__ import annotations

import json

from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CONFIG, NODE_STATE

CONFIGURATION = CONFIG / "registry.json"


def arguments(config: NodeConfig) -> list[str]:
    """All is in the file."""
    return [config.program("registry"), "serve", str(CONFIGURATION)]


def configuration(config: NodeConfig) -> str:
    """Version 0.1 of its configuration. JSON is YAML."""
    document = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(NODE_STATE / "registry")},
            # A user deletes an image by name; space is got back by deleting the cluster.
            "delete": {"enabled": True},
        },
        # One port inside and outside, on all addresses of the node: its loopback for containerd, the link
        # for what the host publishes.
        "http": {"addr": f"0.0.0.0:{config.ports.registry}"},
    }
    return json.dumps(document, indent=2) + "\n"
