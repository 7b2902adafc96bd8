"""What a Status means."""

from __future__ import annotations

from typing import Any

import pytest

from kubepreview import errors as house
from kubepreview.kube import errors

_UNTYPED = "failed to create typed patch object"


def _status(code: int, reason: str = "", message: str = "because", **details: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


@pytest.mark.parametrize(
    ("status", "kind", "family"),
    [
        (_status(404, "NotFound"), errors.ObjectNotFound, house.NotFound),
        (_status(409, "Conflict"), errors.WriteConflict, house.Conflict),
        (_status(409, "AlreadyExists"), errors.AlreadyExists, house.Conflict),
        (_status(403, "Forbidden"), errors.Forbidden, house.Refused),
        (
            _status(403, "Forbidden", 'pods "a" is forbidden: exceeded quota: q, requested: pods=1'),
            errors.QuotaExceeded,
            house.Refused,
        ),
        (_status(422, "Invalid"), errors.Invalid, house.InvalidInput),
        (_status(400, "BadRequest"), errors.Invalid, house.InvalidInput),
        (_status(413, "RequestEntityTooLarge"), errors.Invalid, house.InvalidInput),
        (_status(410, "Expired"), errors.Gone, house.Failed),
        (_status(401, "Unauthorized"), errors.Unauthorized, house.Unreachable),
        (_status(429, "TooManyRequests"), errors.Throttled, house.Unreachable),
        (_status(500, "InternalError"), errors.ServerError, house.Unreachable),
        (_status(503, "ServiceUnavailable"), errors.ServerError, house.Unreachable),
        (_status(504, "Timeout"), errors.ServerError, house.Unreachable),
        (_status(405, "MethodNotAllowed"), errors.Declined, house.Failed),
    ],
)
def test_each_code_has_its_error(
    status: dict[str, Any], kind: type[errors.ApiError], family: type[house.KubepreviewError]
) -> None:
    """A Status becomes one error of its own, which is also of one family of the house."""
    error = errors.from_status(status, what="GET /x")

    assert type(error) is kind
    assert isinstance(error, family)
    assert error.exit_code == family.exit_code
    assert error.status == status
    assert str(error) == f"GET /x: {status['message']}"


def test_causes_become_problems() -> None:
    """An Invalid tells every field at once."""
    causes = [
        {"field": "spec.selector", "reason": "FieldValueRequired", "message": "Required value"},
        {"field": "spec.replicas", "reason": "FieldValueInvalid", "message": "must not be negative"},
    ]

    error = errors.from_status(_status(422, "Invalid", causes=causes), what="PATCH /x")

    assert isinstance(error, errors.Invalid)
    assert [str(problem) for problem in error.problems] == [
        "spec.selector: Required value",
        "spec.replicas: must not be negative",
    ]
    assert [cause.reason for cause in error.causes] == ["FieldValueRequired", "FieldValueInvalid"]


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        (
            f"{_UNTYPED} (a/b; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema",
            ["spec.replica: field not declared in schema"],
        ),
        (
            f"""{_UNTYPED} (a/b; /v1, Kind=Pod): errors:
  .spec.containers[name="a"].imag: field not declared in schema
  .spec.x: field not declared in schema""",
            [
                'spec.containers[name="a"].imag: field not declared in schema',
                "spec.x: field not declared in schema",
            ],
        ),
    ],
)
def test_an_unknown_field_is_no_failure_of_the_server(said: str, problems: list[str]) -> None:
    """What server-side apply answers to an unknown field, a 500, is the manifest's fault and tells where."""
    error = errors.from_status(_status(500, "", said), what="PATCH /x")

    assert isinstance(error, errors.Invalid)
    assert [str(problem) for problem in error.problems] == problems


def test_an_absence_names_its_object() -> None:
    """A missing namespace is not the absence of the pod that was to live in it."""
    missing = errors.from_status(_status(404, "NotFound", kind="namespaces", name="a"), what="GET /x")

    assert isinstance(missing, errors.ObjectNotFound)
    assert missing.is_about("namespaces", "a")
    assert not missing.is_about("pods", "a")
    assert not missing.is_about("namespaces", "b")


def test_no_answer_is_unreachable() -> None:
    """No answer is an Unreachable, with the exit code for that."""
    assert errors.NoAnswer("x").exit_code == 5
    assert errors.KindNotServed("x").exit_code == 1
