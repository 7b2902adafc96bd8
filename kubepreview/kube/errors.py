"""What a kube-apiserver may answer instead of what was asked for.

::

    ApiError                    the server said no, in a Status; kept in `.status`
    ├── ObjectNotFound          404   also NotFound
    ├── WriteConflict           409   also Conflict
    │   └── AlreadyExists       409   reason AlreadyExists
    ├── Forbidden               403   also Refused
    │   └── QuotaExceeded       403   a ResourceQuota is used up
    ├── Invalid                 400, 413, 422   also InvalidInput; `.causes`, `.problems`: the fields
    ├── Gone                    410   the resourceVersion or continue token is too old; list again
    ├── Unauthorized            401   also Unreachable: credentials expire, and are renewed
    ├── Throttled               429   also Unreachable
    ├── ServerError             5xx   also Unreachable
    └── Declined                any other code
    NoAnswer                    also Unreachable: connection, time-out, or a body that is not the API's
    └── NotTrusted              the server's certificate does not fit; not tried again
    KindNotServed               the server's own discovery says that it does not know this kind

A 404 page of a proxy is a NoAnswer: nothing but a Status about the object is an absence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from kubepreview.errors import (
    Conflict,
    Failed,
    InvalidInput,
    KubepreviewError,
    NotFound,
    Problem,
    Refused,
    Unreachable,
)


class Cause(Struct, frozen=True, kw_only=True):
    """One entry of a Status' `details.causes`."""

    field: str
    reason: str
    message: str


class ApiError(KubepreviewError):
    """The server said no. `status` is its whole answer; `code` and `reason` are taken from it."""

    # What the server asked for in Retry-After, next to the Status.
    retry_after_s: float = 0.0

    def __init__(self, message: str, *, status: Mapping[str, Any], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = dict(status)
        self.code = int(status.get("code") or 0)
        self.reason = str(status.get("reason") or "")
        self.causes = tuple(_causes(status))


class ObjectNotFound(ApiError, NotFound):
    """The object, or what it would live in, is not there: see `is_about`."""

    def is_about(self, plural: str, name: str) -> bool:
        """True if it is this very object that is missing, and not, say, the namespace it was meant for."""
        details = self.status.get("details") or {}
        return bool(details.get("kind") == plural and details.get("name") == name)

    @property
    def is_about_the_path(self) -> bool:
        """True if no object is named: the server knows the group, but not this kind in it."""
        return not (self.status.get("details") or {}).get("name")


class WriteConflict(ApiError, Conflict):
    """A newer resourceVersion, another uid, or a field that another manager owns."""


class AlreadyExists(WriteConflict):
    """An object of that name is there already."""


class Forbidden(ApiError, Refused):
    """RBAC, Pod Security or another admission said no."""


class QuotaExceeded(Forbidden):
    """A ResourceQuota of the namespace is used up."""


class Invalid(ApiError, InvalidInput):
    """The object breaks its schema, a CEL rule or an admission policy."""

    def __init__(self, message: str, *, status: Mapping[str, Any], hint: str = "") -> None:
        super().__init__(message, status=status, hint=hint)
        self.problems = tuple(
            Problem(where=cause.field or "object", what=cause.message) for cause in self.causes
        )


class Gone(ApiError, Failed):
    """The resourceVersion or the continue token is older than what the server remembers."""


class Unauthorized(ApiError, Unreachable):
    """The server does not know who is asking."""


class Throttled(ApiError, Unreachable):
    """Too many requests; `retry_after_s` is how long to keep still."""


class ServerError(ApiError, Unreachable):
    """The server failed to answer."""


class Declined(ApiError, Failed):
    """An answer of another code, such as 405 or 415."""


class NoAnswer(Unreachable):
    """No connection, no answer in time, or one that is no Kubernetes API's (then `code` is its HTTP code)."""

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        was_sent: bool = True,
        retry_after_s: float = 0.0,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.was_sent = was_sent
        self.retry_after_s = retry_after_s


class NotTrusted(NoAnswer):
    """The server's certificate is not one we trust: nothing was said to it, and nothing will be."""


class KindNotServed(Failed):
    """The server positively does not serve the kind: its discovery was read, and it is not in there."""


_BY_CODE: Mapping[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: ObjectNotFound,
    409: WriteConflict,
    410: Gone,
    413: Invalid,
    422: Invalid,
    429: Throttled,
}

_HINTS: Mapping[type[ApiError], str] = {
    Unauthorized: "the credentials are expired or for another cluster; log in again, or check the kubeconfig",
}

_SERVER_ERRORS = 500

# Server-side apply tells of unknown fields and wrong types with a 500 that has no reason and no causes.
_UNTYPED = "failed to create typed patch object"
_UNTYPED_FIELD = re.compile(
    r"^(?:.*?Kind=\w+\): )?(?:errors:)?\s*\.?(?P<field>[^\s:]+): (?P<message>.+)$", re.MULTILINE
)


def from_status(status: Mapping[str, Any], *, what: str) -> ApiError:
    """The error that a Status stands for. `what` was being tried: ``GET https://…/pods/web``."""
    kind = _kind_of_error(status)
    message = f"{what}: {status.get('message') or status.get('reason') or 'the server gave no reason'}"
    return kind(message, status=status, hint=_HINTS.get(kind, ""))


def is_status(body: object) -> bool:
    """True if a decoded body is a Status of the Kubernetes API."""
    return isinstance(body, dict) and body.get("kind") == "Status" and body.get("apiVersion") == "v1"


def _kind_of_error(status: Mapping[str, Any]) -> type[ApiError]:
    code, reason = int(status.get("code") or 0), status.get("reason")
    if _is_untyped(status):
        return Invalid
    if reason == "AlreadyExists":
        return AlreadyExists
    if reason == "Expired":
        return Gone
    # The quota admission has no reason of its own; this phrase has been its answer since Kubernetes 1.0.
    if reason == "Forbidden" and "exceeded quota" in str(status.get("message")):
        return QuotaExceeded
    if code >= _SERVER_ERRORS:
        return ServerError
    return _BY_CODE.get(code, Declined)


def _is_untyped(status: Mapping[str, Any]) -> bool:
    return str(status.get("message") or "").startswith(_UNTYPED)


def _causes(status: Mapping[str, Any]) -> Sequence[Cause]:
    if _is_untyped(status):
        return [
            Cause(field=found["field"], reason="FieldValueInvalid", message=found["message"])
            for found in _UNTYPED_FIELD.finditer(status["message"])
        ]
    details = status.get("details") or {}
    return [
        Cause(
            field=str(cause.get("field") or ""),
            reason=str(cause.get("reason") or ""),
            message=str(cause.get("message") or ""),
        )
        for cause in details.get("causes") or ()
    ]
