"""The keys of a cluster: who may speak as whom, and under which names a server answers."""

from __future__ import annotations

import datetime as dt
from ipaddress import IPv4Network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from kubepreview.localcluster import certs
from kubepreview.localcluster.ranges import Ranges

_RANGES = Ranges(
    pods=IPv4Network("10.244.0.0/20"),
    services=IPv4Network("10.245.0.0/20"),
    link=IPv4Network("10.246.0.0/30"),
)
_NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
_FILES = certs.issue("one", _RANGES, _NOW)


def _certificate(name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(_FILES[f"{name}.crt"])


@pytest.mark.parametrize(
    ("name", "user", "groups"),
    [
        ("admin", "kubernetes-admin", ["system:masters"]),
        ("node", "system:node:one", ["system:nodes"]),
        ("kube-scheduler", "system:kube-scheduler", []),
        ("kube-router", "system:kube-router", []),
    ],
)
def test_a_client_is_who_kubernetes_expects(name: str, user: str, groups: list[str]) -> None:
    """The common name is the user, the organizations are the groups."""
    subject = _certificate(name).subject

    assert [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [user]
    assert [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == groups


def test_the_apiserver_answers_under_all_its_names() -> None:
    """By service name in pods, by service address, on the node, and on the loopback of the host."""
    names = _certificate("apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert {str(address) for address in names.get_values_for_type(x509.IPAddress)} == {
        "127.0.0.1",
        "10.245.0.1",
        "10.246.0.2",
    }


def test_every_certificate_is_of_the_authority_and_in_force() -> None:
    """Each verifies against its issuer, and is valid before and long after now."""
    issuers = {name: _certificate(name) for name in ("ca", "front-proxy-ca")}
    for file in _FILES:
        if file.endswith(".crt"):
            certificate = _certificate(file.removesuffix(".crt"))
            issuer = "front-proxy-ca" if file.startswith("front-proxy") else "ca"
            certificate.verify_directly_issued_by(issuers[issuer])
            assert certificate.not_valid_before_utc < _NOW
            assert certificate.not_valid_after_utc > _NOW + dt.timedelta(days=3000)


def test_every_certificate_has_its_key() -> None:
    """A key file beside each certificate, but for the front proxy's authority, whose key nobody needs."""
    for file in _FILES:
        name = file.removesuffix(".crt")
        if file.endswith(".crt") and name != "front-proxy-ca":
            key = serialization.load_pem_private_key(_FILES[f"{name}.key"], password=None)
            assert key.public_key() == _certificate(name).public_key()
