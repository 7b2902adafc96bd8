"""Which proxy stands between us and the apiserver, by the environment's own rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit


def from_environment(server: str, environ: Mapping[str, str]) -> str:
    """The URL of the proxy for `server`, as HTTPS_PROXY and NO_PROXY say; empty for none.

    As in Go, and so as for kubectl: loopback is never proxied, and NO_PROXY knows domains,
    addresses and address ranges.
    """
    url = urlsplit(server)
    variable = f"{url.scheme}_proxy"
    proxy = environ.get(variable) or environ.get(variable.upper()) or ""
    if not proxy:
        return ""
    exempt = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    host = (url.hostname or "").lower()
    rules = ["localhost", "127.0.0.0/8", "::1/128", *(rule.strip().lower() for rule in exempt.split(","))]
    if any(_covers(rule, host) for rule in rules if rule):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _covers(rule: str, host: str) -> bool:
    if rule == "*":
        return True
    domain = rule.removeprefix("*").removeprefix(".")
    if host == domain or host.endswith(f".{domain}"):
        return True
    try:
        return ip_address(host) in ip_network(rule, strict=False)
    except ValueError:
        return False
