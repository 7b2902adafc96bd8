"""Which comments are commands, whose, and what becomes of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kubepreview.core import commands
from kubepreview.core.commands import HELP, Command, Spoken, done, heard, is_new

from .examples import OLD_SHA, SHA, preview

_AT = "2026-01-02T03:04:05Z"
_LATER = "2026-01-02T03:04:06Z"
_NO_BOTS: frozenset[str] = frozenset()


def _spoken(body: str | None, **changed: Any) -> Spoken:
    user = {"login": changed.pop("login", "ada"), "type": changed.pop("type", "User")}
    found = {
        "id": 9,
        "issue_url": "https://api.github.com/repos/acme/a/issues/7",
        "body": body,
        "user": user,
        "created_at": _AT,
        "updated_at": _AT,
        **changed,
    }
    return msgspec.convert(found, Spoken)


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("/preview", Command(verb="status")),
        ("/preview  ", Command(verb="status")),
        ("/preview sleep", Command(verb="sleep")),
        ("/preview wake\r\nplease", Command(verb="wake")),
        ("/preview\textend  3d \n", Command(verb="extend", argument="3d")),
        ("/preview down", Command(verb="down")),
        (f"/preview approve {SHA}", Command(verb="approve", argument=SHA)),
        ("/preview help", Command(verb="help")),
        ("/preview explode", Command(verb="help")),
        ("/preview extend", Command(verb="help")),
        ("/preview down now", Command(verb="help")),
    ],
)
def test_the_first_line_is_the_command(body: str, command: Command) -> None:
    """One that there is not asks for help."""
    assert heard(_spoken(body), _NO_BOTS) == command


_TALK = (
    *(None, "", " ", "\n/preview down", " /preview down", "\t/preview down", "> /preview down"),
    *(">/preview down", "- /preview down", "`/preview down`", "```\n/preview down\n```", "/previews down"),
    *("/preview-down", "/PREVIEW down", "/Preview down", "please /preview down", "//preview down"),
    *("/preview down now please", "/preview\u00a0down", "/preview\u2003down", "\u200b/preview down"),
    *("/preview\u200b down", "\uff0fpreview down", "<!-- -->/preview down", "@bot /preview down"),
    *("\\/preview down", "/preview\x0bdown", "/preview\x0cdown", "**/preview down**"),
    *("[/preview down](x)", "/\u0440review down", "x\r/preview down", "/preview down \u202e now"),
)


@pytest.mark.parametrize("body", _TALK)
def test_anything_else_is_talk(body: str | None) -> None:
    """Quoted, indented, fenced, decorated, further down, in other letters, or with more words."""
    assert heard(_spoken(body), _NO_BOTS) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"updated_at": _LATER},
        {"login": "dependabot[bot]", "type": "Bot"},
        {"login": "relay[bot]", "type": "User"},
        {"login": "acme", "type": "Organization"},
        {"login": "ada", "type": "Mannequin"},
        {"login": "ada", "type": ""},
        {"user": None},
    ],
)
def test_nobody_but_a_person_is_heard_and_no_edit_is(changed: dict[str, Any]) -> None:
    """An edit comes with today's rights for words of long ago."""
    assert heard(_spoken("/preview down", **changed), _NO_BOTS) is None


def test_a_bot_that_is_listed_is_heard() -> None:
    """By its whole name."""
    spoken = _spoken("/preview down", login="acme[bot]", type="Bot")

    assert heard(spoken, frozenset({"acme[bot]"})) == Command(verb="down")
    assert heard(spoken, frozenset({"acme"})) is None


@pytest.mark.parametrize(
    ("body", "may"),
    [
        (b'{"permission": "admin"}', True),
        (b'{"permission": "write"}', True),
        (b'{"permission": "read"}', False),
        (b'{"permission": "none"}', False),
        (b'{"permission": "ADMIN"}', False),
    ],
)
def test_who_may_write_may_command(body: bytes, may: bool) -> None:  # noqa: FBT001 - a case
    """GitHub's own word for it, and nothing that looks like it."""
    assert commands.read_permission(body) is may


@pytest.mark.parametrize(
    "body", [b'{"permission": ["write"]}', b'{"permission": null}', b"{}", b"[]", b"\xff"]
)
def test_what_is_no_permission_is_no_answer(body: bytes) -> None:
    """Of a list, a page, or half a body nothing follows."""
    with pytest.raises(ValueError, match=r"JSON|Expected|Object|utf-8"):
        commands.read_permission(body)


def _done(body: str, **spec: Any) -> commands.Done:
    spoken = _spoken(body)
    command = heard(spoken, _NO_BOTS)
    assert command is not None
    return done(command, preview(**spec), spoken)


_FORK = {"pullRequest": {"number": 7, "fromFork": True}}


@pytest.mark.parametrize(
    ("body", "spec", "change"),
    [
        ("/preview", {}, None),
        ("/preview help", {}, None),
        ("/preview sleep", {}, {"lifetime": {"sleep": {"id": "comment-9", "asleep": True}}}),
        ("/preview wake", {}, {"lifetime": {"sleep": {"id": "comment-9", "asleep": False}}}),
        ("/preview extend 3d", {}, {"lifetime": {"extension": {"id": "comment-9", "duration": "3d"}}}),
        ("/preview extend ever", {}, None),
        ("/preview down", {}, {"state": "Closed", "stateReason": "Requested"}),
        ("/preview down", {"revision": {"sha": SHA, "observedAt": "2026-01-02T03:05:00Z"}}, None),
        ("/preview down", {"state": "Closed"}, None),
        ("/preview wake", {"state": "Closed"}, None),
        (f"/preview approve {SHA}", _FORK, {"approval": {"sha": SHA, "by": "github:ada", "at": _AT}}),
        (f"/preview approve {OLD_SHA}", _FORK, None),
        (f"/preview approve {SHA[:7]}", _FORK, None),
        (f"/preview approve {SHA.upper()}", _FORK, None),
        (f"/preview approve {SHA}", {}, None),
        (f"/preview approve {SHA}", {**_FORK, "state": "Closed"}, None),
    ],
)
def test_what_becomes_of_it(body: str, spec: dict[str, Any], change: object) -> None:
    """A change of the spec, or a word; a wish is named after its comment, so that it is heeded once."""
    result = _done(body, **spec)

    assert result.change == change
    assert result.answer


def test_help_names_every_command() -> None:
    """And nothing else."""
    assert all(f"/preview {verb}" in HELP for verb in ("sleep", "wake", "extend", "down", "approve"))


def test_what_was_carried_out_is_not_carried_out_again() -> None:
    """Nor anything that was said before it, or to a preview of before."""
    of = preview(status={"command": {"id": 9}})

    assert [is_new(_spoken("/preview", id=number), of) for number in (8, 9, 10)] == [False, False, True]


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'[{"id": 1}]', b"\xff", b"[null]"])
def test_what_is_no_list_is_none(body: bytes) -> None:
    """No comment is made of half an answer."""
    with pytest.raises(ValueError, match=r"JSON|Expected|Object|utf-8"):
        commands.read(body)
