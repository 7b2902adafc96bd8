"""The whole of a rendering, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Mapping

from kubepreview.core.images import Reference
from kubepreview.errors import InvalidInput, Problem
from kubepreview.render import (
    daemonsets,
    entry,
    files,
    images,
    labels,
    namespaces,
    order,
    routes,
    staging_only,
    texts,
    tidy,
)
from kubepreview.render.documents import gathering
from kubepreview.render.images import Resolve
from kubepreview.render.manifests import Change, Manifest, duplicates
from kubepreview.render.sources import Files, Helm, Kustomize, Rendered, Request
from kubepreview.render.tree import Tree

# What Helm calls the release's namespace where the project has no baseline; it is taken out again.
_RELEASE_NAMESPACE = "default"


async def render(request: Request, *, resolve: Resolve | None = None) -> Rendered:
    """The objects of a preview. Raises InvalidInput with every problem of the manifests.

    First all that is wrong with the files is told; what can only be judged of whole objects, next.
    `resolve` turns an image by tag into the same by digest; without it, tags stay, and a note says so.
    """
    account = _Account()
    references = _references(request.images, account)
    change = Change(())
    with gathering(account.problems):
        change = await _load(request, references, account.problems)
    manifests = account.take(change)
    account.settle("the manifests cannot be read")

    ours = namespaces.own(manifests, request.baseline_namespace)
    renamings = texts.of_host(request.baseline_host, request.host) + texts.of_services(manifests, ours)
    manifests = account.take(tidy.tidy(manifests))
    manifests = account.take(namespaces.removed(manifests, ours))
    account.problems += duplicates(manifests)
    if not request.keep_daemon_sets:
        manifests = account.take(daemonsets.as_deployments(manifests))
    change, found = routes.taken_out(manifests)
    manifests = account.take(change)
    chosen = entry.choose(request.entry, found, manifests, request.baseline_host)
    account.add(chosen.notes, chosen.problems)
    # Not before: which Service staging publishes says which one people visit.
    manifests = account.take(staging_only.left_out(manifests))
    manifests = account.take(texts.renamed(manifests, renamings))
    manifests = account.take(await images.pinned(manifests, references, resolve))
    manifests = order.ordered(account.take(labels.added(manifests, request.labels)))
    objects = tuple(manifest.object for manifest in manifests)
    account.problems += order.beyond_limits(objects, _shown(request))
    account.settle("the manifests cannot be a preview")
    assert chosen.entry is not None  # noqa: S101 - without one there was a problem
    return Rendered(objects, chosen.entry, tuple(account.notes))


class _Account:
    """What was noted and what was found wrong, on the way."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.problems: list[Problem] = []

    def take(self, change: Change) -> tuple[Manifest, ...]:
        self.add(change.notes, change.problems)
        return change.manifests

    def add(self, notes: tuple[str, ...], problems: tuple[Problem, ...]) -> None:
        self.notes += notes
        self.problems += problems

    def settle(self, message: str) -> None:
        """Raise, if there are problems."""
        if self.problems:
            count = len(self.problems)
            raise InvalidInput(f"{message}: {count} problem{'s' * (count > 1)}", problems=self.problems)


async def _load(request: Request, references: Mapping[str, Reference], problems: list[Problem]) -> Change:
    tree = Tree.at(request.root)
    match request.source:
        case Files(paths):
            return Change(tuple(files.load(tree, paths, problems)))
        case Kustomize(path):
            from kubepreview.render import kustomize  # noqa: PLC0415  20 ms that only its own sources need

            return Change(tuple(await kustomize.load(tree, path, problems)))
        case Helm() as source:
            from kubepreview.render import chart, helm  # noqa: PLC0415  the same

            return await helm.load(
                tree,
                source,
                fill=chart.Placeholders(request.host, references),
                namespace=request.baseline_namespace or _RELEASE_NAMESPACE,
                problems=problems,
            )


def _references(written: Mapping[str, str], account: _Account) -> dict[str, Reference]:
    references = {}
    for name, text in written.items():
        try:
            references[name] = Reference.parse(text)
        except InvalidInput as error:
            problem = Problem(where=f"image {name}", what=error.message, cure=error.hint)
            account.problems.append(problem)
    return references


def _shown(request: Request) -> str:
    """The source, as the author named it."""
    match request.source:
        case Files(paths):
            return ", ".join(paths)
        case Kustomize(path):
            return path
        case Helm(chart=chart):
            return chart
