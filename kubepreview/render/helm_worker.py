"""The process in which Helm runs: a request as JSON on stdin, an answer as JSON on stdout.

Apart from our own process, because the library is young and in Go: what kills it kills only this.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import helm_python


def main() -> None:
    """Answer one request."""
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Render twice: what differs is made up anew each time, and its template is named in `random`."""
    try:
        values: dict[str, Any] = {}
        for file in request["values"]:
            values = merge(values, file)
        for expression in request["set"]:
            values = merge(values, helm_python.parse_set_string(expression))
        with helm_python.Chart.load(request["chart"]) as chart:
            first, second = (
                chart.render(values, name=request["release"], namespace=request["namespace"])
                for _ in range(2)
            )
            crds = [crd["filename"] for crd in chart.crds]
    except helm_python.HelmError as error:
        return {"error": str(error)}
    random = [path for path, text in first.items() if second.get(path) != text]
    return {"manifests": first, "random": random, "crds": crds}


def merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` wins; mappings are merged, lists replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
