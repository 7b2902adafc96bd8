"""No secret of a preview is in what is kept of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core.masking import MASK, masked_object, masked_text, secret_values
from kubepreview.core.wire import Object

from .examples import deployment

_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"


def _secret(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": data}


def _with_env(*env: Object) -> Object:
    obj = deployment()
    obj["spec"]["template"]["spec"]["containers"][0]["env"] = list(env)
    return obj


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET /?token=x Authorization: Bearer abcdef123456", "GET /?token=x Authorization: [masked]"),
        ("pushed with ghp_0123456789abcdefghij012345", "pushed with [masked]"),
        ("key AKIAIOSFODNN7EXAMPLE used", "key [masked] used"),
        (f"session {_JWT} begins", "session [masked] begins"),
        ("postgres://app:hunter22@db:5432/x", "postgres://[masked]@db:5432/x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nnext", "[masked]\nnext"),
        ("-----BEGIN PRIVATE KEY-----\ncut", "[masked]"),
        (
            "the basic idea is that nothing happens at 10:30",
            "the basic idea is that nothing happens at 10:30",
        ),
        ("http://web:8080/healthz 200", "http://web:8080/healthz 200"),
    ],
)
def test_what_has_the_shape_of_a_secret_is_masked(text: str, kept: str) -> None:
    """And ordinary lines stay as they are."""
    assert masked_text(text, ()) == kept


def test_secrets_and_telling_variables_lose_their_values_and_keep_their_names() -> None:
    """A reader sees what was there; references to a Secret hold nothing, and stay."""
    reference = {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}}
    web = _with_env({"name": "API_TOKEN", "value": "abc123"}, {"name": "MODE", "value": "fast"}, reference)
    web["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}

    secret, kept = masked_object(_secret(p="hunter22")), masked_object(web)

    assert secret["stringData"] == {"p": MASK}
    assert kept["spec"]["template"]["spec"]["containers"][0]["env"] == [
        {"name": "API_TOKEN", "value": MASK},
        {"name": "MODE", "value": "fast"},
        reference,
    ]
    assert kept["metadata"]["annotations"] == {"kubectl.kubernetes.io/last-applied-configuration": MASK}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.strip("<>")
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=6), around=st.text())
def test_no_value_of_a_secret_survives_anywhere(value: str, around: str) -> None:
    """Not in its object, not in a line that prints it, and not as it is written down."""
    encoded = base64.b64encode(value.encode()).decode()
    objects = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"k": encoded}},
        _secret(k=value),
        _with_env({"name": "MY_SECRET", "value": value}, {"name": "OTHER", "value": f"<{value}>"}),
    ]
    values = secret_values(objects)

    for obj in objects:
        assert encoded not in msgspec.json.encode(masked_object(obj, values)).decode()
        assert value not in list(_strings(masked_object(obj, values))) or value in MASK
        assert value in values
    for printed in (value, encoded):
        masked = masked_text(f"{around}{printed}{around}", values)
        assert printed not in masked or printed in MASK


def test_the_end_of_a_key_is_masked_without_its_beginning() -> None:
    """A log is cut somewhere; what stands around it stays."""
    end = "-----END RSA PRIVATE KEY-----"
    text = f"cannot start\nQUJDREVGR0hJSktMTU5P\ncHFyc3Q=\n{end}\nbye"
    assert masked_text(text, ()) == f"cannot start\n{MASK}\nbye"
    at = "2026-01-02T03:04:05.123456789Z "
    logged = f"{at}cannot start\n{at}QUJDREVGR0hJSktMTU5P\n{at}cHFyc3Q=\n{at}{end}\n{at}bye"
    assert masked_text(logged, ()) == f"{at}cannot start\n{MASK}\n{at}bye"
    assert masked_text(f"QUJD\nRUZH\r\n{end}\r", ()) == MASK
