"""A throwaway certificate authority and every identity of one cluster."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubepreview.localcluster.ranges import Ranges

# The cluster is deleted long before; an expiry in use would only be a riddle.
_VALID_FOR = dt.timedelta(days=3650)
# A clock that is set back a little after the start must not make the cluster invalid.
_CLOCK_SLACK = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A certificate to issue: who, in which groups, answering to which names."""

    file: str
    common_name: str
    organization: str = ""
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = field(default=())


def identities(node: str, ranges: Ranges) -> Iterator[Identity]:
    """Who speaks TLS in a cluster of one node."""
    loopback = ("127.0.0.1",)
    yield Identity(file="etcd", common_name="etcd", names=("localhost",), addresses=loopback)
    yield Identity(
        file="apiserver",
        common_name="kube-apiserver",
        names=(
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ),
        addresses=(*loopback, str(ranges.apiserver), str(ranges.node)),
    )
    yield Identity(file="apiserver-etcd-client", common_name="kube-apiserver-etcd-client")
    yield Identity(
        file="apiserver-kubelet-client",
        common_name="kube-apiserver-kubelet-client",
        organization="system:masters",
    )
    yield Identity(file="kubelet", common_name=node, names=(node,), addresses=(*loopback, str(ranges.node)))
    yield Identity(file="admin", common_name="kubernetes-admin", organization="system:masters")
    yield Identity(file="node", common_name=f"system:node:{node}", organization="system:nodes")
    for user in ("kube-controller-manager", "kube-scheduler", "kube-proxy", "kube-router"):
        # The first two serve their health with it as well.
        yield Identity(file=user, common_name=f"system:{user}", addresses=loopback)


def issue(node: str, ranges: Ranges, now: dt.datetime) -> Mapping[str, bytes]:
    """File name → PEM, for every key and certificate of the cluster. Not pure: keys are random."""
    ca_key, ca = _authority("kubepreview", now)
    front_key, front = _authority("kubepreview-front-proxy", now)
    tokens = ec.generate_private_key(ec.SECP256R1())
    files = {
        "ca.crt": _pem(ca),
        "ca.key": _private(ca_key),
        "front-proxy-ca.crt": _pem(front),
        "service-account.key": _private(tokens),
        "service-account.pub": tokens.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    }
    client = Identity(file="front-proxy-client", common_name="front-proxy-client")
    files |= _issued(client, front_key, front, now)
    for identity in identities(node, ranges):
        files |= _issued(identity, ca_key, ca, now)
    return files


def _authority(name: str, now: dt.datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        _builder(subject, subject, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return key, builder.sign(key, hashes.SHA256())


def _issued(
    identity: Identity, ca_key: ec.EllipticCurvePrivateKey, ca: x509.Certificate, now: dt.datetime
) -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)]
    if identity.organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.organization))
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in identity.names]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in identity.addresses]
    builder = (
        _builder(x509.Name(attributes), ca.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    certificate = builder.sign(ca_key, hashes.SHA256())
    return {f"{identity.file}.crt": _pem(certificate), f"{identity.file}.key": _private(key)}


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + _VALID_FOR)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
