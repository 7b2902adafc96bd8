"""The first preview.yml of a repository: what was found in, a text that explains itself out.

The choices for its workflow (`core.workflow`) are made of the same facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from kubepreview.core import config, kinds
from kubepreview.core.images import Reference
from kubepreview.core.kinds import as_mapping
from kubepreview.core.wire import Object
from kubepreview.core.workflow import GITHUBS_REGISTRY, Build, Choices
from kubepreview.core.yaml_text import scalar
from kubepreview.errors import InvalidInput

# A folder whose name is one of these, or begins with it, is meant for previews rather than the others.
_BEST_NAMES: Final = ("preview", "pr", "review", "dev", "staging", "base")
_HTTP_PORT: Final = 80
_NOT_IN_A_NAME: Final = re.compile(r"[^a-z0-9]+")


class Found(Struct, frozen=True):
    """An object of a plain manifest, and the file it is in."""

    file: str
    object: Object


class Facts(Struct, frozen=True, kw_only=True):
    """What was seen in a repository; every path starts at its root, which is ``.``."""

    folder: str
    repository: str = ""
    dockerfiles: tuple[str, ...] = ()
    kustomizations: tuple[str, ...] = ()
    charts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The folder of each chart, with its values."""
    objects: tuple[Found, ...] = ()
    tests: tuple[str, ...] = ()


def text(facts: Facts) -> str:
    """The file. InvalidInput if there is nothing that a preview could be made of."""
    name = _project(facts)
    parts = (
        (f"# yaml-language-server: $schema={config.SCHEMA_URL}",),
        (
            "# The PreviewProject that the platform team made for this repository:",
            f"#   kubepreview project create {name} --repository {facts.repository or 'OWNER/NAME'}",
            f"project: {scalar(name)}",
        ),
        _manifests(facts),
        _images(facts, name),
        _entry(facts, name),
        _test(facts),
        (
            "# How long `kubepreview up` waits until the commit is served.",
            "timeout: 5m",
        ),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def choices(
    facts: Facts,
    action: str,
    pushed_to: str = "",
    *,
    publishes: bool = False,
    server: str = "",
    certificate_authority: str = "",
) -> Choices:
    """What the workflow is made of.

    `action`: the commit of our action. `pushed_to`: where images go; GitHub's own registry if left out.
    `publishes`: it asks no cluster; the manifests are published beside the images. `server` and
    `certificate_authority`: where it logs in with GitHub's own token; a kubeconfig if left out.
    """
    project = _project(facts)
    # Two braces after a dollar are an expression to GitHub, and no name of a file.
    files = tuple(path for path in facts.dockerfiles if "${{" not in path)
    names = _built_images(facts, project) if files else ()
    place = (pushed_to or f"{GITHUBS_REGISTRY}/{facts.repository or 'OWNER/NAME'}").lower()
    suffixes = {name: f"/{name.rpartition('/')[2]}" if len(names) > 1 else "" for name in names}
    builds = tuple(
        Build(name=name, pushed=place + suffix.lower(), dockerfile=_dockerfile(files, name))
        for name, suffix in suffixes.items()
    )
    registry = place.partition("/")[0]
    return Choices(
        project=project,
        action=action,
        builds=builds,
        registry=registry,
        has_test=bool(facts.tests),
        artifacts=f"{place}/previews" if publishes else "",
        server=server,
        certificate_authority=certificate_authority,
    )


def _dockerfile(files: Sequence[str], image: str) -> str:
    """That in a folder of the image's name, else that nearest to the root."""
    word = image.rpartition("/")[2].lower()
    named = (path for path in files if word in path.lower().split("/"))
    return next(named, min(files, key=lambda path: (path.count("/"), path)))


def _project(facts: Facts) -> str:
    """A name of Kubernetes, from the repository's."""
    origin = facts.repository.rpartition("/")[2] or facts.folder
    return _NOT_IN_A_NAME.sub("-", origin.lower()).strip("-")[:40].strip("-") or "app"


def _manifests(facts: Facts) -> Sequence[str]:
    about = "# Where the objects come from: exactly one of kustomize, helm and files. Namespace, host and"
    more = "# labels are put in, a DaemonSet becomes one replica, and the route is written for you."
    if facts.kustomizations:
        chosen = min(facts.kustomizations, key=_rank)
        return (about, more, "manifests:", f"  kustomize: {scalar(chosen)}")
    if facts.charts:
        chosen = min(facts.charts, key=_rank)
        return (about, more, "manifests:", "  helm:", f"    chart: {scalar(chosen)}")
    folders = _folders(facts)
    if folders:
        return (about, more, "manifests:", "  files:", *(f"    - {scalar(each)}" for each in folders))
    raise InvalidInput(
        "this repository has no kustomization.yaml, no Chart.yaml and no YAML file with a Kubernetes object",
        hint="a preview is made of manifests: add a folder k8s with a Deployment and a Service, then again",
    )


def _rank(path: str) -> tuple[int, int, str]:
    """The folder that is most likely meant: by its name, then the one nearest to the root."""
    name = path.rpartition("/")[2]
    known = (index for index, word in enumerate(_BEST_NAMES) if re.match(rf"{word}\b", name))
    return next(known, len(_BEST_NAMES)), path.count("/"), path


def _folders(facts: Facts) -> Sequence[str]:
    """The folders of workloads, the outermost only; a file of the root stands for itself."""
    holders = {
        each.file.rpartition("/")[0] or each.file
        for each in facts.objects
        if kinds.pod_template(each.object) is not None or each.object.get("kind") == "Service"
    }
    return sorted(
        each
        for each in holders
        if not any(each.startswith(f"{other}/") for other in holders if other != each)
    )


def _images(facts: Facts, project: str) -> Sequence[str]:
    built = _built_images(facts, project)
    about = (
        "# The images, as the manifests name them, that the workflow builds and hands over by digest:",
        f"#   kubepreview up --image {built[0] if built else project}=REGISTRY/NAME@sha256:…",
    )
    if not built:
        return (*about, f"# images: [{project}]")
    return (*about, f"images: [{', '.join(map(scalar, built))}]")


def _built_images(facts: Facts, project: str) -> Sequence[str]:
    """The images that are likely this repository's own: named like it, or the only one there is."""
    named = list(dict.fromkeys(_image_names(facts)))
    folders = (path.rpartition("/")[0] for path in facts.dockerfiles)
    places = {folder.rpartition("/")[2].lower() for folder in folders if folder}
    owner = facts.repository.partition("/")[0].lower()
    own = [name for name in named if _is_own(name, {project, *places}, owner)]
    if own or not facts.dockerfiles:
        return own
    return named if len(named) == 1 else ()


def _is_own(name: str, words: set[str], owner: str) -> bool:
    *path, last = name.split("/")
    return last in words or bool(owner and owner in path)


def _image_names(facts: Facts) -> Iterator[str]:
    texts = [image for each in facts.objects for image in _images_of(each.object)]
    texts += [image for values in facts.charts.values() for image in _images_of_values(values)]
    for text_ in texts:
        try:
            yield Reference.parse(text_).name
        except InvalidInput:
            # A placeholder of another tool; the file's author knows what stands there.
            continue


def _images_of(obj: Object) -> Iterator[str]:
    images = (container.get("image") for container in _containers(obj))
    return (image for image in images if isinstance(image, str))


def _images_of_values(values: Mapping[str, Any]) -> Iterator[str]:
    image = values.get("image")
    name = image.get("repository") if isinstance(image, dict) else image
    if isinstance(name, str):
        yield name


def _entry(facts: Facts, project: str) -> Sequence[str]:
    about = "# Where requests go, and a path that answers when all is well."
    chosen = _entry_of(facts, project)
    if chosen is None:
        return (
            f"{about} Left out, it is read from the Ingress.",
            f"# entry: {{service: {project}, port: 80, path: /}}",
        )
    service, port = chosen
    return (
        about,
        "entry:",
        f"  service: {scalar(service)}",
        f"  port: {port if isinstance(port, int) else scalar(port)}",
        f"  path: {scalar(_health_path(facts))}",
    )


def _entry_of(facts: Facts, project: str) -> tuple[str, int | str] | None:
    """What the Ingress leads to; without one, the only Service, or the one named like the project."""
    objects = [each.object for each in facts.objects]
    backends = {each for obj in objects if obj["kind"] == "Ingress" for each in _backends(obj)}
    if len(backends) == 1:
        return backends.pop()
    services = {obj["metadata"]["name"]: obj for obj in objects if obj["kind"] == "Service"}
    chosen = services.get(project) or (next(iter(services.values())) if len(services) == 1 else None)
    if chosen is None or backends:
        return None
    ports = [as_mapping(port).get("port") for port in _list(as_mapping(chosen.get("spec")).get("ports"))]
    numbers = [port for port in ports if isinstance(port, int)]
    if not numbers:
        return None
    return chosen["metadata"]["name"], _HTTP_PORT if _HTTP_PORT in numbers else numbers[0]


def _backends(ingress: Object) -> Iterator[tuple[str, int | str]]:
    spec = as_mapping(ingress.get("spec"))
    rules = [as_mapping(as_mapping(rule).get("http")) for rule in _list(spec.get("rules"))]
    paths = [as_mapping(path) for rule in rules for path in _list(rule.get("paths"))]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        service = as_mapping(as_mapping(backend).get("service"))
        port = as_mapping(service.get("port"))
        name, door = service.get("name"), port.get("number") or port.get("name")
        if isinstance(name, str) and isinstance(door, int | str):
            yield name, door


def _containers(obj: Object) -> Iterator[Object]:
    spec = as_mapping((kinds.pod_template(obj) or {}).get("spec"))
    return (as_mapping(container) for container in _list(spec.get("containers")))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _health_path(facts: Facts) -> str:
    """The path of the first readiness probe over HTTP, where it is one that a route may have."""
    for each in facts.objects:
        for container in _containers(each.object):
            probe = as_mapping(container.get("readinessProbe"))
            path = as_mapping(probe.get("httpGet")).get("path")
            if isinstance(path, str) and re.fullmatch(r"/[A-Za-z0-9._~/-]{0,128}", path):
                return path
    return "/"


def _test(facts: Facts) -> Sequence[str]:
    about = "# What `kubepreview test` runs against the preview, with PREVIEW_URL and EXPECTED_REVISION set."
    if facts.tests:
        return (about, f"test: {scalar(f'python3 {facts.tests[0]}')}")
    return (about, "# test: python3 test_preview.py")
