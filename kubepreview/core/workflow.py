"""The workflow that `init` writes: builds the images of a pull request, and tells the cluster of it.

What the author of a pull request chooses (titles, branches, labels) is nowhere expanded; what is, are numbers
and SHAs. Each job has the rights that it needs, and every action is that of one commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from kubepreview.core.yaml_text import scalar

FILE: Final = ".github/workflows/preview.yml"
KUBECONFIG_SECRET: Final = "PREVIEW_KUBECONFIG"  # noqa: S105 — its name
ACTION: Final = "kubepreview/kubepreview"
ENVIRONMENT: Final = "previews"
GITHUBS_REGISTRY: Final = "ghcr.io"

_CHECKOUT: Final = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
_BUILDX: Final = "docker/setup-buildx-action@d7f5e7f509e45cec5c76c4d5afdd7de93d0b3df5 # v4.1.0"
_LOGIN: Final = "docker/login-action@650006c6eb7dba73a995cc03b0b2d7f5ca915bee # v4.2.0"
_BUILD: Final = "docker/build-push-action@f9f3042f7e2789586610d6e8b85c8f03e5195baf # v7.2.0"
_TYPES: Final = "[opened, synchronize, reopened, closed, ready_for_review, converted_to_draft]"
# What makes a commit to publish; all else the controller sees for itself.
_PUSHES: Final = "[opened, synchronize, reopened]"
_NUMBER: Final = "${{ github.event.pull_request.number }}"
_SHA: Final = "${{ github.event.pull_request.head.sha }}"


class Build(Struct, frozen=True, kw_only=True):
    """One image: as the manifests name it, where it is pushed, and the Dockerfile that it is made of."""

    name: str
    pushed: str
    dockerfile: str


class Choices(Struct, frozen=True, kw_only=True):
    """What differs from one repository to another.

    `action`: the commit of our action. `registry`: the host that images are pushed to. `artifacts`: where
    the manifests are published for the controller to take; empty where the workflow asks the cluster itself.
    `server`: the apiserver that it logs in to with GitHub's own token, with the PEM of its authority if that
    is none that everybody trusts; empty where it has a kubeconfig.
    """

    project: str
    action: str
    builds: Sequence[Build] = ()
    registry: str = GITHUBS_REGISTRY
    has_test: bool = False
    artifacts: str = ""
    server: str = ""
    certificate_authority: str = ""


def text(choices: Choices) -> str:
    """The file."""
    if choices.artifacts:
        return "\n".join((*_head(_PUBLISHED, _PUSHES), *_deploy(choices))) + "\n"
    return "\n".join((*_head(_ASKED_FOR, _TYPES), *_deploy(choices), "", *_close(choices))) + "\n"


_ASKED_FOR: Final = "A preview for each pull request: built, asked for, tested, closed."
_PUBLISHED: Final = "Each pull request is built and published; the cluster takes it, and closes it."


def _head(what: str, types: str) -> Iterator[str]:
    yield from (
        f"# Written by `kubepreview init`. {what}",
        "name: preview",
        "",
        "on:",
        "  pull_request:",
        f"    types: {types}",
        "",
        "# Each job asks for what it needs.",
        "permissions: {}",
        "",
        "jobs:",
    )


def _deploy(choices: Choices) -> Iterator[str]:
    job = ("publish", "Publish") if choices.artifacts else ("deploy", "Deploy")
    is_open = () if choices.artifacts else ("      github.event.action != 'closed' &&",)
    yield from (
        f"  {job[0]}:",
        f"    name: {job[1]}",
        "    # A pull request of a fork gets no secrets, and so no preview in this way.",
        "    if: >-",
        *is_open,
        "      github.event.pull_request.head.repo.full_name == github.repository",
        "    runs-on: ubuntu-24.04",
        "    timeout-minutes: 30",
        *((f"    environment: {ENVIRONMENT}",) if _has_secrets(choices) else ()),
        "    # The next push ends what was begun for the last. After a close the cluster refuses it.",
        "    concurrency:",
        f"      group: preview-{_NUMBER}",
        "      cancel-in-progress: true",
        "    permissions:",
        "      contents: read",
        *(("      packages: write # the images of the preview",) if _pushes_to_github(choices) else ()),
        *_token(choices),
        "    steps:",
        "      - name: Check out the pull request's own commit",
        f"        uses: {_CHECKOUT}",
        "        with:",
        f"          ref: {_SHA}",
        "          persist-credentials: false",
        "",
    )
    yield from _login(choices)
    yield from _builds(choices)
    yield from _publish(choices) if choices.artifacts else _up(choices)


def _pushes_to_github(choices: Choices) -> bool:
    return _pushes(choices) and choices.registry == GITHUBS_REGISTRY


def _has_secrets(choices: Choices) -> bool:
    """Of the repository's own: the way to the cluster, or to another registry than GitHub's."""
    return not choices.artifacts or choices.registry != GITHUBS_REGISTRY


def _pushes(choices: Choices) -> bool:
    return bool(choices.builds or choices.artifacts)


def _login(choices: Choices) -> Iterator[str]:
    if not _pushes(choices):
        return
    is_githubs = _pushes_to_github(choices)
    yield from (
        "      - name: Log in to the registry",
        f"        uses: {_LOGIN}",
        "        with:",
        f"          registry: {choices.registry}",
        f"          username: ${{{{ {'github.actor' if is_githubs else 'secrets.REGISTRY_USERNAME'} }}}}",
        f"          password: ${{{{ {'github.token' if is_githubs else 'secrets.REGISTRY_PASSWORD'} }}}}",
        "",
    )


def _builds(choices: Choices) -> Iterator[str]:
    if choices.builds:
        yield from ("      - name: Set up the builder", f"        uses: {_BUILDX}", "")
    for index, build in enumerate(choices.builds, 1):
        yield from (
            f"      - name: {scalar(f'Build {build.name}')}",
            f"        id: build-{index}",
            f"        uses: {_BUILD}",
            "        with:",
            f"          context: {scalar(build.dockerfile.rpartition('/')[0] or '.')}",
            f"          file: {scalar(build.dockerfile)}",
            "          push: true",
            f"          tags: {build.pushed}:pr-{_NUMBER}",
            f"          build-args: REVISION={_SHA}",
            "",
        )


def _up(choices: Choices) -> Iterator[str]:
    yield from (
        "      - name: Ask for the preview, and wait until it serves this commit",
        f"        uses: {ACTION}@{choices.action}",
        "        with:",
        "          command: auto",
        *_way(choices),
        *_images(choices),
    )
    if choices.has_test:
        yield from (
            "",
            "      - name: Test it",
            f"        uses: {ACTION}@{choices.action}",
            "        with:",
            "          command: test",
            *_way(choices),
        )


def _publish(choices: Choices) -> Iterator[str]:
    yield from (
        "      - name: Publish it, for the cluster to take",
        f"        uses: {ACTION}@{choices.action}",
        "        with:",
        "          command: publish",
        f"          to: {choices.artifacts}",
        *_images(choices),
    )


def _images(choices: Choices) -> Iterator[str]:
    if choices.builds:
        yield "          image: |"
    for index, build in enumerate(choices.builds, 1):
        yield f"            {build.name}={build.pushed}@${{{{ steps.build-{index}.outputs.digest }}}}"


def _close(choices: Choices) -> Iterator[str]:
    yield from (
        "  close:",
        "    name: Close",
        "    if: >-",
        "      github.event.action == 'closed' &&",
        "      github.event.pull_request.head.repo.full_name == github.repository",
        "    runs-on: ubuntu-24.04",
        "    timeout-minutes: 15",
        f"    environment: {ENVIRONMENT}",
        "    # A group of its own for each run: nothing ends it, and it waits for nothing.",
        "    concurrency:",
        f"      group: preview-close-{_NUMBER}-${{{{ github.run_id }}}}",
        "      cancel-in-progress: false",
        *(("    permissions:", *_token(choices)) if choices.server else ("    permissions: {}",)),
        "    steps:",
        "      - name: Close the preview, and wait until nothing of it is left",
        f"        uses: {ACTION}@{choices.action}",
        "        with:",
        "          command: auto",
        "          # Nothing is checked out: the branch may be gone.",
        f"          project: {choices.project}",
        *_way(choices),
    )


def _token(choices: Choices) -> Iterator[str]:
    if choices.server:
        yield "      id-token: write # to log in to the cluster with GitHub's own token"


def _way(choices: Choices) -> Iterator[str]:
    """To the cluster."""
    if not choices.server:
        yield f"          kubeconfig: ${{{{ secrets.{KUBECONFIG_SECRET} }}}}"
        return
    yield f"          server: {choices.server}"
    if choices.certificate_authority:
        yield "          certificate-authority: |"
        yield from (f"            {line}" for line in choices.certificate_authority.strip().splitlines())
