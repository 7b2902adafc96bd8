"""Hostile checkouts: each wants what rendering must not do, such as reading beyond itself.

`{outside}` stands for a folder beside the checkout, which holds a file that nobody may see.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

# What stands in the file outside.
CANARY: Final = "canary-7f3a91c2"
_OUTSIDE: Final = "{outside}/canary.yaml"
_REMOTES: Final = {
    "https": "https://example.com/base.yaml",
    "github": "github.com/acme/base?ref=v1",
    "git+ssh": "git@github.com:acme/base.git",
    "an address": "http://192.0.2.2/base.yaml",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "oci": "oci://ghcr.io/acme/base",
    "file": "file://{outside}/canary.yaml",
}

_SERVICE: Final = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}},
}
_CHART: Final = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
# Files by their path, and links: text that begins with `-> `.
_Files: TypeAlias = Mapping[str, str]


def _map(data: str) -> str:
    """A ConfigMap as a template writes it."""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  k: {data}\n"


def _kustomization(**fields: Any) -> _Files:
    return {"kustomization.yaml": yaml.safe_dump({"resources": ["web.yaml"], **fields})}


def _chart(*templates: str, **files: str) -> _Files:
    named = {f"templates/{number}.yaml": text for number, text in enumerate(templates)}
    return {"Chart.yaml": _CHART, "templates/web.yaml": yaml.safe_dump(_SERVICE), **named, **files}


def _plugin(kind: str, **annotations: str) -> _Files:
    plugin = {
        "apiVersion": "acme/v1",
        "kind": "Generator",
        "metadata": {"name": "x", "annotations": annotations},
    }
    return {**_kustomization(**{kind: ["plugin.yaml"]}), "plugin.yaml": yaml.safe_dump(plugin)}


_EXEC: Final = {"config.kubernetes.io/function": "exec: {path: ./evil.sh}"}
_CONTAINER: Final = {"config.kubernetes.io/function": "container: {image: evil, network: true}"}
_LAUGHS: Final = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)
)

_KUSTOMIZE: Final[Mapping[str, _Files]] = {
    **{f"fetches by {how}": _kustomization(resources=["web.yaml", url]) for how, url in _REMOTES.items()},
    **{
        f"fetches for {field}": _kustomization(**{field: [_REMOTES["https"]]})
        for field in ("components", "transformers", "generators", "validators", "crds", "configurations")
    },
    "fetches a patch": _kustomization(patches=[{"path": _REMOTES["https"]}]),
    "fetches a schema": _kustomization(openapi={"path": _REMOTES["https"]}),
    "fetches data": _kustomization(configMapGenerator=[{"name": "a", "files": [f"k={_REMOTES['https']}"]}]),
    "fetches a chart": _kustomization(
        helmCharts=[{"name": "x", "repo": "https://example.com", "version": "1"}]
    ),
    "reads beyond by a path": _kustomization(resources=["web.yaml", "../outside/canary.yaml"]),
    "reads beyond by a whole path": _kustomization(resources=["web.yaml", _OUTSIDE]),
    "reads beyond as data": _kustomization(configMapGenerator=[{"name": "a", "files": [f"k={_OUTSIDE}"]}]),
    "reads beyond as variables": _kustomization(configMapGenerator=[{"name": "a", "envs": [_OUTSIDE]}]),
    "reads beyond as a patch": _kustomization(patches=[{"path": "../outside/canary.yaml"}]),
    "reads beyond as a replacement": _kustomization(replacements=[{"path": "../outside/canary.yaml"}]),
    "reads beyond by a link": {
        **_kustomization(resources=["web.yaml", "a.yaml"]),
        "a.yaml": f"-> {_OUTSIDE}",
    },
    "reads beyond by a linked folder": {
        **_kustomization(resources=["web.yaml", "sub/canary.yaml"]),
        "sub": "-> {outside}",
    },
    "reads beyond by a link to data": {
        **_kustomization(configMapGenerator=[{"name": "a", "files": ["k=a.txt"]}]),
        "a.txt": "-> /proc/self/environ",
    },
    "runs a program": {**_plugin("generators", **_EXEC), "evil.sh": "#!/bin/sh\ntouch {outside}/ran\n"},
    "runs a program on what is there": _plugin("transformers", **_EXEC),
    "runs a program to check": _plugin("validators", **_EXEC),
    "runs a container": _plugin("generators", **_CONTAINER),
    "runs a plugin of the home": _plugin("generators"),
    "names itself": _kustomization(resources=["web.yaml", "."]),
    "names a folder that names it": {
        **_kustomization(resources=["web.yaml", "sub"]),
        "sub/kustomization.yaml": "resources: [..]",
    },
    "laughs": {**_kustomization(resources=["web.yaml", "a.yaml"]), "a.yaml": _LAUGHS},
}
_HELM: Final[Mapping[str, _Files]] = {
    "looks a name up": _chart(_map('{{ getHostByName "example.com" | quote }}')),
    "asks the cluster": _chart(_map('{{ lookup "v1" "Secret" "kube-system" "" | toJson | quote }}')),
    "depends on what is elsewhere": {
        **_chart(),
        "Chart.yaml": _CHART
        + "dependencies: [{name: x, version: 1.0.0, repository: 'https://example.com'}]\n",
    },
    "depends on a folder beyond": {
        **_chart(),
        "Chart.yaml": _CHART + "dependencies: [{name: x, version: 1.0.0, repository: 'file://../outside'}]\n",
    },
    "reads a file beyond": _chart(_map('{{ .Files.Get "../outside/canary.yaml" | quote }}')),
    "reads files by a pattern": _chart(_map('{{ (.Files.Glob "../**").AsConfig | quote }}')),
    "reads by a link": _chart(_map('{{ .Files.Get "a.txt" | quote }}'), **{"a.txt": f"-> {_OUTSIDE}"}),
    "reads by a linked folder": _chart(
        _map('{{ .Files.Get "sub/canary.yaml" | quote }}'), sub="-> {outside}"
    ),
    "has a template that is a link": {**_chart(), "templates/a.yaml": f"-> {_OUTSIDE}"},
    "has values that are a link": {**_chart(), "values.yaml": f"-> {_OUTSIDE}"},
    "has a chart that is a link": {**_chart(), "charts/x": "-> {outside}"},
    "reads the environment": _chart(_map('{{ env "PATH" | quote }}')),
    "expands the environment": _chart(_map('{{ expandenv "$HOME" | quote }}')),
    "includes itself": _chart('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'),
    "evaluates itself": _chart(
        "{{ tpl .Values.a . }}", **{"values.yaml": "a: '{{ tpl .Values.a . }}{{ tpl .Values.a . }}'\n"}
    ),
    "fills the memory": _chart('{{ repeat 3000000000 "x" }}'),
    "fills the memory by a list": _chart("{{ range until 2000000000 }}{{ end }}"),
    "fills the disk": _chart('{{ repeat 20000000 "# a\\n" }}'),
    "turns without end": _chart(
        '{{ range until 5000 }}{{ range until 5000 }}{{ $x := sha256sum (repeat 9999 "a")}}{{ end }}{{ end }}'
    ),
    "fails": _chart('{{ fail "no" }}'),
    "is made up anew": _chart(_map("{{ randAlphaNum 9 }}")),
    "laughs in its values": {**_chart(), "values.yaml": _LAUGHS},
}
_FILES: Final[Mapping[str, _Files]] = {
    "is a link": {"k8s/a.yaml": f"-> {_OUTSIDE}"},
    "is a folder that is a link": {"k8s/sub": "-> {outside}", "k8s/web.yaml": yaml.safe_dump(_SERVICE)},
    "is a device": {"k8s/a.yaml": "-> /dev/zero"},
    "is the environment": {"k8s/a.yaml": "-> /proc/self/environ"},
    "laughs": {"k8s/a.yaml": _LAUGHS},
    "is deep": {"k8s/a.yaml": "[" * 500_000},
    "is large": {"k8s/a.yaml": f"a: {'x' * 6_000_000}\n"},
    "is many": {f"k8s/{number}.yaml": _map("x") for number in range(600)},
    "is many in one": {"k8s/a.yaml": "---\n".join([_map("x")] * 2000)},
    "says everything twice": {"k8s/a.yaml": "a: 1\na: 2\n"},
    "makes an object of a tag": {"k8s/a.yaml": "!!python/object/apply:os.system ['touch {outside}/ran']\n"},
    "is no text": {"k8s/a.yaml": "\udcff\udcfe"},
    "is a JSON bomb": {"k8s/a.json": "[" * 300_000},
}


def _pipe(root: Path) -> None:
    """Whoever opens it waits for somebody who writes."""
    (root / "k8s").mkdir()
    os.mkfifo(root / "k8s" / "a.yaml")


def _sparse(root: Path) -> None:
    """Large without taking any room."""
    (root / "k8s").mkdir()
    with (root / "k8s" / "a.yaml").open("wb") as file:
        file.truncate(1024**3)


_MADE: Final[Mapping[str, Callable[[Path], None]]] = {"files: is a pipe": _pipe, "files: is sparse": _sparse}
NAMES: Final = (
    *(f"kustomize: {name}" for name in _KUSTOMIZE),
    *(f"helm: {name}" for name in _HELM),
    *(f"files: {name}" for name in _FILES),
    *_MADE,
)


def plant(name: str, folder: Path) -> None:
    """Write the checkout below `folder`, with how it is to be rendered, and the file beside it."""
    root, outside = folder / "tree", folder / "outside"
    root.mkdir(parents=True)
    outside.mkdir()
    (outside / "canary.yaml").write_text(_map(CANARY))
    kind, _, title = name.partition(": ")
    (folder / "source.json").write_text(json.dumps(kind))
    if name in _MADE:
        _MADE[name](root)
        return
    files = {"kustomize": _KUSTOMIZE, "helm": _HELM, "files": _FILES}[kind][title]
    if kind == "kustomize":
        files = {"web.yaml": yaml.safe_dump(_SERVICE), **files}
    for path, text in files.items():
        _write(root / path, text.replace("{outside}", str(outside)))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if text.startswith("-> "):
        path.symlink_to(text.removeprefix("-> "))
    else:
        path.write_bytes(text.encode(errors="surrogateescape"))
