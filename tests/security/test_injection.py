"""Whatever a pull request calls itself, prints or breaks with is shown as text, wherever it is shown.

Ten thousand texts, put together of what means something to a page, a terminal, a runner of GitHub Actions,
YAML or a shell, go through each of the places that show what others have said.
"""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

import yaml
from markdown_it import MarkdownIt

from kubepreview.cli.output import as_yaml
from kubepreview.cli.runner import Runner
from kubepreview.cli.streams import Streams
from kubepreview.core import event, names
from kubepreview.core.comment import comment
from kubepreview.core.gateway import Sleeper
from kubepreview.gateway.page import page
from tests.core.examples import preview, project
from tests.figures import Figures

_COUNT: Final = 10_000
# As many are shown in one comment.
_TOGETHER: Final = 10
_PIECES: Final = (
    *(
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</title><svg/onload=alert(1)>",
        "<!--",
        "-->",
    ),
    *(
        "javascript:alert(1)",
        "[a](javascript:b)",
        "![x](http://x.example/p)",
        "@everyone",
        "@acme/owners",
        "#1",
    ),
    *(
        "`",
        "```",
        "````",
        "|",
        "\\",
        "\n",
        "\r\n",
        "\r",
        "\u2028",
        "\u2029",
        "\n\n# title",
        "\n- item",
        "\n> quote",
    ),
    *(
        "::error::x",
        "::add-mask::x",
        "##[add-mask]x",
        "::set-output name=a::b",
        "%0A::error::x",
        "\n::notice::x",
    ),
    *(
        "$(id)",
        "`id`",
        "; id",
        "&& id",
        "${{ github.token }}",
        "${IFS}",
        "../../etc/passwd",
        "%s%n",
        "{0}",
        "{{7*7}}",
    ),
    *(
        "\x1b[2J",
        "\x1b]8;;http://x.example\x07",
        "\x1b]0;owned\x07",
        "\x9b31m",
        "\x00",
        "\x08",
        "\u202e",
        "\u2066",
    ),
    *(
        "<!-- kubepreview -->",
        "---\n",
        "- &a [*a]",
        "!!python/object:x",
        "key: value",
        "'",
        '"',
        "\t",
        "é",
        "😀",
        "a",
    ),
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MARKDOWN: Final = MarkdownIt("commonmark").enable("table")
_AT: Final = "2026-01-02T03:04:05Z"


def _texts() -> Iterator[str]:
    chosen = random.Random(6)  # noqa: S311 — the same ones in every run
    for _ in range(_COUNT):
        yield "".join(chosen.choices(_PIECES, k=chosen.randint(1, 6)))[:250]


class _Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, object]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.seen.append((tag, attrs))


def _in_a_comment(texts: list[str]) -> bool:
    """Whether anything of them is more than text or code there."""
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "CrashLoopBackOff",
        "message": texts[0],
        "observedGeneration": 1,
        "lastTransitionTime": _AT,
    }
    failure = {
        "object": texts[1],
        "reason": "CrashLoopBackOff",
        "message": texts[2],
        "logTail": [event.one_line(text, 500) for text in texts],
    }
    told = comment(preview(status={"conditions": [condition], "failure": failure, "inventory": []}))
    tokens = _MARKDOWN.parse(told)
    inline = {child.type for token in tokens for child in token.children or ()}
    blocks = {token.type for token in tokens if token.type.startswith(("html", "list", "blockquote", "link"))}
    return not inline <= {"text", "code_inline", "softbreak"} or bool(blocks)


def _on_a_page(text: str) -> bool:
    def tags(message: str) -> list[tuple[str, object]]:
        return _Tags(page(Sleeper(name="x", host="x", state="Failed", message=message), 0)).seen

    return tags(text) != tags("harmless")


def _on_a_terminal(text: str) -> bool:
    out = io.StringIO()
    streams = Streams(out=out, err=out, is_out_terminal=True)
    streams.data(text)
    streams.talk(text)
    return _CONTROL.search(out.getvalue()) is not None


def _on_a_runner(text: str) -> bool:
    """What is told by a command of ours is one line, and in a group nothing is a command."""
    out = io.StringIO()
    Runner(streams=Streams(out=out, err=out), environ={}, checkout=".").notice(text)
    lines = re.split("[\r\n]+", out.getvalue().rstrip("\n"))
    return len(lines) != 1 or not lines[0].startswith("::notice::")


def _in_yaml(text: str) -> bool:
    return bool(yaml.safe_load(as_yaml({"said": text}))["said"] != text)


def _in_a_preview(text: str) -> bool:
    told = event.pull_request(number=7, title=text, author=text, url="", from_fork=False)
    return any(len(each.splitlines()) > 1 or _CONTROL.search(each) for each in (told.title, told.author))


def test_what_others_say_is_text_everywhere(figures: Figures) -> None:
    """In the comment, on the gateway's page, on a terminal, to a runner, in YAML, and in the Preview."""
    texts = list(_texts())
    effects = [
        (place.__name__, text)
        for place in (_on_a_page, _on_a_terminal, _on_a_runner, _in_yaml, _in_a_preview)
        for text in texts
        if place(text)
    ]
    shown = [texts[start : start + _TOGETHER] for start in range(0, _COUNT, _TOGETHER)]
    effects += [("_in_a_comment", str(each)) for each in shown if _in_a_comment(each)]

    figures.count("injections", len({text for _, text in effects}), _COUNT)
    assert effects == []


def test_no_two_pull_requests_share_a_name(figures: Figures) -> None:
    """A million pairs of a project and a number: each name of a namespace is a label, and its own."""
    chosen = random.Random(6)  # noqa: S311 — the same ones in every run
    letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
    shared = pairs = 0
    for _ in range(100):
        word = "".join(chosen.choices(letters[:-1], k=1) + chosen.choices(letters, k=chosen.randint(0, 50)))
        spec = project(namespacePattern=f"{word}{{number}}", hostPattern="pr-{number}.example.com").spec
        numbers = chosen.sample(range(1, 2_147_483_648), 10_000)
        made = {names.namespace_name(spec, number) for number in numbers}
        shared += len(numbers) - len(made)
        pairs += len(numbers)
        assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for name in made)

    figures.count("names", shared, pairs)
    assert shared == 0
