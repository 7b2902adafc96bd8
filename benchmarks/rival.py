"""What one would do without kubepreview: kubectl, and asking the ingress until it answers."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kubepreview.localcluster.cluster import RunningCluster

_KUBECTL = str(Path(sys.executable).with_name("kubectl"))
_TIMEOUT_S = 120
_PAUSE_S = 0.01
# What is sent to a pod that is no more is not answered; whoever waits for it measures only that.
_ATTEMPT_S = 1


class Kubectl:
    """The rival's hands on one cluster."""

    def __init__(self, running: RunningCluster) -> None:
        self._base = [_KUBECTL, f"--kubeconfig={running.kubeconfig}"]
        self._address = running.ingress
        self._ingress_class = running.ingress_class

    def run(self, *argv: str, stdin: str = "") -> str:
        """One command, which must succeed."""
        done = subprocess.run(  # noqa: S603 - an argument list of ours, without a shell
            [*self._base, *argv], input=stdin, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
        return done.stdout

    def create_namespace(self, name: str) -> None:
        """As kubectl does it."""
        self.run("create", "namespace", name)

    def apply(self, namespace: str, objects: list[dict[str, Any]]) -> None:
        """All objects in one call."""
        document = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.run("apply", f"--namespace={namespace}", "-f", "-", stdin=document)

    def ingress(self, host: str, service: str) -> dict[str, Any]:
        """The route that a person would write."""
        backend = {"service": {"name": service, "port": {"number": 80}}}
        path = {"path": "/", "pathType": "Prefix", "backend": backend}
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": service},
            "spec": {
                "ingressClassName": self._ingress_class,
                "rules": [{"host": host, "http": {"paths": [path]}}],
            },
        }

    def until_answered(self, host: str, word: str) -> None:
        """Ask /version through the ingress until the answer is good and has the word in it."""
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            connection = http.client.HTTPConnection(*self._address, timeout=_ATTEMPT_S)
            try:
                connection.request("GET", "/version", headers={"Host": host})
                answer = connection.getresponse()
                if answer.status == http.client.OK and word in answer.read().decode():
                    return
            except (OSError, http.client.HTTPException):
                pass  # not there yet, or not any more
            finally:
                connection.close()
            time.sleep(_PAUSE_S)
        raise TimeoutError(f"http://{host}/version did not answer {word} in {_TIMEOUT_S} s")
