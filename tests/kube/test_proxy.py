"""Which proxy the environment asks for."""

from __future__ import annotations

import pytest

from kubepreview.kube.proxy import from_environment

_PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://k8s.example.com", {}, ""),
        ("https://k8s.example.com", {"HTTPS_PROXY": _PROXY}, _PROXY),
        ("https://k8s.example.com", {"https_proxy": "proxy.example.com:3128"}, _PROXY),
        ("https://k8s.example.com", {"HTTP_PROXY": _PROXY}, ""),
        ("https://127.0.0.1:6443", {"HTTPS_PROXY": _PROXY}, ""),
        ("https://localhost:6443", {"HTTPS_PROXY": _PROXY}, ""),
        ("https://[::1]:6443", {"HTTPS_PROXY": _PROXY}, ""),
        ("https://10.0.0.1", {"HTTPS_PROXY": _PROXY, "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://11.0.0.1", {"HTTPS_PROXY": _PROXY, "NO_PROXY": "10.0.0.0/8"}, _PROXY),
        ("https://k8s.example.com", {"HTTPS_PROXY": _PROXY, "NO_PROXY": "a.b, .example.com"}, ""),
        ("https://k8s.example.com", {"HTTPS_PROXY": _PROXY, "NO_PROXY": "ample.com"}, _PROXY),
        ("https://k8s.example.com", {"HTTPS_PROXY": _PROXY, "NO_PROXY": "*"}, ""),
    ],
)
def test_proxy(server: str, environ: dict[str, str], proxy: str) -> None:
    """A proxy is used if one is set for the scheme and nothing exempts the host."""
    assert from_environment(server, environ) == proxy
