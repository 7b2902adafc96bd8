"""(c) From the close to a namespace that is verified gone, for an application that ignores SIGTERM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks import command
from benchmarks.contest import ROUNDS, Result, compared, seconds
from benchmarks.rival import Kubectl
from tests.cluster.team import Team, application, sha

_GOAL = 0.5
_COMMIT = sha("a")
# It serves what is asked for, and will not be told to stop.
_STUBBORN = """
import http.server, os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(os.environ["REVISION"].encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def results(team: Team) -> Iterator[Result]:
    """Each round both are brought up, untimed, and then taken down in turn."""
    kubectl = Kubectl(team.cluster)
    ours, theirs = [], []
    for number in range(1, ROUNDS + 1):
        root = team.checkout(f"stubborn-{number}", *_stubborn(team))
        team.up(number, root, _COMMIT).done()
        space, host = f"stubborn-{number}", f"stubborn-{number}.localhost"
        kubectl.create_namespace(space)
        kubectl.apply(space, [*_stubborn(team), kubectl.ingress(host, "web")])
        kubectl.until_answered(host, _COMMIT)
        ours.append(seconds(lambda: command.down(team, number)))  # noqa: B023 - called at once
        theirs.append(seconds(lambda: kubectl.run("delete", "namespace", space, "--wait=true")))  # noqa: B023 - called at once
    yield compared(
        "c",
        "`kubepreview down` against `kubectl delete namespace --wait`, for an app that ignores SIGTERM",
        goal=_GOAL,
        ours=ours,
        theirs=theirs,
    )


def _stubborn(team: Team) -> list[dict[str, Any]]:
    objects = application(team.image(_COMMIT), command=["python3", "-c", _STUBBORN])
    # The cluster's default, which is what most applications have.
    del objects[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    return objects
