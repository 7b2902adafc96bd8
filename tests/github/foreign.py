"""PyGithub: a client of GitHub that nobody here wrote."""

from __future__ import annotations

from github import Auth, Github

from standin.server import StandIn


def theirs(github: StandIn, token: str) -> Github:
    """It, with a token; it asks nothing twice, and does not pause between its requests."""
    return Github(
        auth=Auth.Token(token),
        base_url=github.url,
        retry=None,
        lazy=True,
        seconds_between_requests=None,
        seconds_between_writes=None,
    )
