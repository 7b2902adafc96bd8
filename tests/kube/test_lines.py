"""Chunks to lines."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from kubepreview.kube import lines


async def _chunks(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_line_that_was_cut_off_is_not_a_line() -> None:
    """What a broken connection leaves of a line is dropped, unless asked for."""
    assert [line async for line in lines.split(_chunks([b"a\nb"]))] == [b"a"]
    assert [line async for line in lines.split(_chunks([b"a\nb"]), with_rest=True)] == [b"a", b"b"]


@given(st.lists(st.binary(max_size=8).map(lambda part: part.replace(b"\0", b"\n"))))
async def test_where_the_chunks_end_does_not_matter(chunks: list[bytes]) -> None:
    """However a stream is cut into chunks, its lines are the same."""
    expected = [line for line in b"".join(chunks).split(b"\n") if line]

    assert [line async for line in lines.split(_chunks(chunks), with_rest=True)] == expected
