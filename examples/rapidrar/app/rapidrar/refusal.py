"""What a client is told when its request is not served."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is not served: an HTTP status, a word for programs and a sentence for people."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message

    def as_json(self) -> dict[str, object]:
        """The body of the answer."""
        return {"error": self.error, "message": self.message}
