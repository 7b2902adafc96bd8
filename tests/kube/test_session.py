"""The one request path, on a bad day: what is sent again, what is not, and what is never an absence."""

from __future__ import annotations

import pytest

from kubepreview.errors import InvalidInput, NotFound, Unreachable
from kubepreview.kube import errors
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.resources import CONFIGMAPS
from kubepreview.kube.retry import Backoff, Patience

from .controlplane import free_port
from .oddserver import HANG_UP, OddServer, answer, odd_server, status

_OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "a", "name": "b"}}
_GOOD = answer(200, _OBJECT)
_PAGE = "<html>the gateway is having a rest</html>"
_PATIENCE = Patience(retry_for_s=5, attempt_s=5, connect_s=1)


def _client(odd: OddServer) -> Client:
    return Client(odd.credentials, patience=_PATIENCE)


@pytest.mark.parametrize(
    "first",
    [
        HANG_UP,
        answer(503, _PAGE),
        answer(502, status(502)),
        answer(500, status(500, "InternalError")),
        answer(429, status(429, "TooManyRequests"), "Retry-After: 0"),
    ],
)
async def test_what_is_safe_to_repeat_is_repeated(first: bytes) -> None:
    """A read and an apply are sent again after silence, 429 and 5xx."""
    async with odd_server(first, _GOOD, first, _GOOD) as odd, _client(odd) as client:
        assert await client.get(CONFIGMAPS, "b", "a") == _OBJECT
        assert await client.apply(_OBJECT, manager="m") == _OBJECT
        assert len(odd.requests) == 4


@pytest.mark.parametrize("first", [HANG_UP, answer(503, _PAGE), answer(500, status(500))])
async def test_a_create_that_may_have_arrived_is_not_repeated(first: bytes) -> None:
    """A create goes out once when nobody can say whether it was done, and Unreachable says so."""
    async with odd_server(first, answer(201, _OBJECT)) as odd, _client(odd) as client:
        with pytest.raises(Unreachable):
            await client.create(CONFIGMAPS, _OBJECT)
        assert len(odd.requests) == 1


async def test_a_create_that_was_turned_away_is_repeated() -> None:
    """A 429 was not looked at, so a create is sent again."""
    throttled = answer(429, status(429, "TooManyRequests"), "Retry-After: 0")
    async with odd_server(throttled, answer(201, _OBJECT)) as odd, _client(odd) as client:
        assert await client.create(CONFIGMAPS, _OBJECT) == _OBJECT
        assert len(odd.requests) == 2


async def test_patience_ends() -> None:
    """When a server asks for a longer pause than the caller's patience, the error is raised at once."""
    throttled = answer(429, status(429, "TooManyRequests"), "Retry-After: 3600")
    async with odd_server(throttled) as odd, _client(odd) as client:
        with pytest.raises(errors.Throttled) as caught:
            await client.get(CONFIGMAPS, "b", "a")
        assert caught.value.retry_after_s == 3600
        assert len(odd.requests) == 1


async def test_a_page_is_not_an_absence() -> None:
    """A 404 page of a proxy is Unreachable for `get`, `find` and `delete`: nothing is known of the object."""
    async with odd_server(answer(404, _PAGE)) as odd, _client(odd) as client:
        for attempt in (client.get, client.find, client.delete):
            with pytest.raises(
                Unreachable, match="something that is not a Status: '<html>the gateway"
            ) as caught:
                await attempt(CONFIGMAPS, "b", "a")
            assert not isinstance(caught.value, NotFound)


async def test_the_absence_of_something_else_is_not_the_absence_of_this() -> None:
    """A 404 about another object is raised by `find` and `delete`, and not told as 'gone'."""
    about = {**status(404, "NotFound"), "details": {"kind": "namespaces", "name": "a"}}
    async with odd_server(answer(404, about)) as odd, _client(odd) as client:
        with pytest.raises(errors.ObjectNotFound):
            await client.find(CONFIGMAPS, "b", "a")
        with pytest.raises(errors.ObjectNotFound):
            await client.delete(CONFIGMAPS, "b", "a")


@pytest.mark.parametrize("body", [_PAGE, "[]", "", "\x00"])
async def test_a_good_answer_that_is_no_object_is_no_answer(body: str) -> None:
    """A 200 that carries no JSON object, as a log-in page would, is Unreachable."""
    async with odd_server(answer(200, body)) as odd, _client(odd) as client:
        with pytest.raises(Unreachable, match="answered with no JSON object"):
            await client.get(CONFIGMAPS, "b", "a")


async def test_a_redirect_is_not_followed() -> None:
    """Credentials are never carried to where a redirect points."""
    async with odd_server(answer(302, "", "Location: http://127.0.0.1:1/")) as odd, _client(odd) as client:
        with pytest.raises(Unreachable, match="answered 302"):
            await client.get(CONFIGMAPS, "b", "a")


async def test_nobody_listens() -> None:
    """A refused connection is Unreachable, and names the server."""
    nobody = Credentials(server=f"http://127.0.0.1:{free_port()}")
    async with Client(nobody, patience=Patience(retry_for_s=0.2, attempt_s=1, connect_s=1)) as client:
        with pytest.raises(Unreachable, match=nobody.server) as caught:
            await client.get(CONFIGMAPS, "b", "a")
        assert "is the cluster running" in caught.value.hint


async def test_a_guard_keeps_requests_from_leaving() -> None:
    """What a guard raises comes instead of the request."""

    def guard() -> None:
        raise InvalidInput("not now")

    async with odd_server(_GOOD) as odd, _client(odd) as client:
        with pytest.raises(InvalidInput, match="not now"):
            await client.guarded_by(guard).get(CONFIGMAPS, "b", "a")
        assert odd.requests == []
        assert await client.get(CONFIGMAPS, "b", "a") == _OBJECT


async def test_a_page_lost_to_compaction_starts_the_list_again() -> None:
    """When the next page is too old, the list is read from its start, and holds each object once."""
    first = {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "x"}}]}
    whole = {"metadata": {}, "items": [{"metadata": {"name": "x"}}, {"metadata": {"name": "y"}}]}
    gone = answer(410, status(410, "Expired"))
    async with odd_server(answer(200, first), gone, answer(200, whole)) as odd, _client(odd) as client:
        listed = await client.list(CONFIGMAPS, "a")
    assert [item["metadata"]["name"] for item in listed] == ["x", "y"]
    assert listed[0]["kind"] == "ConfigMap"


async def test_logs() -> None:
    """A log is read as text; followed, it comes line by line, with the last even if it has no end."""
    async with odd_server(answer(200, "one\ntwo")) as odd, _client(odd) as client:
        assert await client.logs("a", "web", container="main", previous=True) == "one\ntwo"
        assert [line async for line in client.follow_logs("a", "web")] == ["one", "two"]

    first, second = (request.splitlines()[0].split("?")[1].split(" ")[0] for request in odd.requests)
    assert first == "container=main&tailLines=200&limitBytes=1048576&previous=true"
    assert second == "follow=true&tailLines=200"


def test_pauses_grow_and_are_bounded() -> None:
    """Each pause is at most twice the one before, none longer than the bound, and a server's wish is kept."""
    backoff = Backoff(0.1, 2.0)
    pauses = [backoff.next_s() for _ in range(50)]

    assert all(0.05 <= pause <= 2.0 for pause in pauses)
    assert pauses[0] <= 0.1
    assert min(pauses[10:]) >= 1.0
    assert 30 <= backoff.next_s(30) <= 32
    backoff.reset()
    assert backoff.next_s() <= 0.1
