"""What the pages for people promise: each command parses, each link leads somewhere, each target is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kubepreview.__main__ import COMMANDS
from kubepreview.cli.root import PROGRAM, Commands
from tests.cli.calling import caller
from tests.house.tree import ROOT, files, source

_FENCED = re.compile(r"^```(?:sh|console|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANY_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
_ELSEWHERE = re.compile(r"[a-z]+:")
_MAKE = re.compile(r"(?:^|[\s$])make ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)", re.MULTILINE)
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)

PAGES = tuple(
    path for path in files() if path.suffix == ".md" and (len(path.parts) == 1 or path.parts[0] == "docs")
)


def commands_of(page: Path) -> Iterator[list[str]]:
    """The command lines of a page that call the program, as its arguments."""
    for block in _FENCED.findall(source(page)):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            if words and words[0] == PROGRAM:
                end = next((at for at, word in enumerate(words) if word in {">", "|", "&&", ";"}), len(words))
                yield words[1:end]


def _parse(command: click.Command, name: str, words: list[str], parent: click.Context | None) -> None:
    """Parse as the program does, down to the command that is meant, and run nothing."""
    with command.make_context(name, words, parent=parent, obj=caller()) as context:
        if isinstance(command, click.Group):
            # What is left after the group's own options; click keeps the command's name apart.
            inner, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert inner is not None
            assert found is not None
            _parse(found, inner, rest, context)


@pytest.mark.parametrize(
    "words", [pytest.param(words, id=" ".join(words)) for words in commands_of(Path("README.md"))]
)
def test_a_command_of_the_readme_parses(words: list[str]) -> None:
    """The command and each of its options exist, and take such values."""
    _parse(Commands(COMMANDS), PROGRAM, words, None)


def test_the_readme_shows_each_command_that_a_journey_needs() -> None:
    """So that a page without commands does not pass for a page whose commands parse."""
    shown = {words[0] for words in commands_of(Path("README.md"))}

    assert {"install", "project", "doctor", "init", "up", "test", "down"} <= shown


def test_each_relative_link_leads_to_a_file_of_this_tree() -> None:
    """What is linked is, or will be, committed: a file, or a folder that holds one."""
    there = {*files(), *(folder for path in files() for folder in path.parents)}
    dead = [
        f"{page}: {target}"
        for page in PAGES
        for target in _LINK.findall(_ANY_FENCED.sub("", source(page)))
        if not _ELSEWHERE.match(target) and _resolved(page, target) not in there
    ]

    assert dead == []


def _resolved(page: Path, target: str) -> Path:
    path = (ROOT / page.parent / target).resolve()
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def test_each_target_that_a_page_names_is_in_the_makefile() -> None:
    """`make x`, in a block or between backticks, is something that make can do."""
    there = set(_TARGET.findall(source(Path("Makefile"))))
    named = {(str(page), target) for page in PAGES for target in _targets(source(page))}

    assert {target for _, target in named} >= {"demo", "test"}
    assert {(page, target) for page, target in named if target not in there} == set()


def _targets(text: str) -> Iterator[str]:
    blocks = _FENCED.findall(text)
    for code in (*blocks, *_INLINE.findall(_ANY_FENCED.sub("", text))):
        for names in _MAKE.findall(code):
            yield from names.split()
