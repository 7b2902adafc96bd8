"""Where previews may connect: what a project names, and never what lies inside of the cluster by accident."""

from __future__ import annotations

import ipaddress

import msgspec
import pytest

from kubepreview.core import guardrails
from kubepreview.core.egress import Egress, described, parse, problem, rule
from kubepreview.core.project_spec import ProjectSpec
from tests.core.examples import asked, preview, project


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("203.0.113.0/24=443,53/UDP", "203.0.113.0/24 at 443/TCP, 53/UDP"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("10.1.2.0/24=5432", "10.1.2.0/24 at 5432/TCP"),
        ("namespace/payments=8080", "namespace payments at 8080/TCP"),
        ("namespace/payments", "namespace payments"),
        ("0.0.0.0/0=443", "0.0.0.0/0, but no private network at 443/TCP"),
        ("2001:db8::/32=443", "2001:db8::/32 at 443/TCP"),
    ],
)
def test_what_is_written_is_told_to_people(text: str, said: str) -> None:
    """As it will be, with the protocol, and with what is left out."""
    egress = msgspec.convert(parse(text), Egress)
    assert problem(egress) == ""
    assert described(egress) == said


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        ({}, "name either"),
        ({"cidr": "10.0.0.0/8", "namespace": "payments"}, "name either"),
        ({"cidr": "10.0.0.0/99"}, "no range of addresses"),
        ({"cidr": "169.254.169.254/32"}, "metadata"),
        ({"cidr": "169.254.0.0/16"}, "metadata"),
        ({"cidr": "fe80::/64"}, "metadata"),
        ({"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}, "no part of cidr"),
        ({"namespace": "payments", "except": ["10.0.0.0/8"]}, "no part of cidr"),
    ],
)
def test_what_cannot_be_meant_is_told(wire: dict[str, object], said: str) -> None:
    """Before it is written anywhere."""
    assert said in problem(msgspec.convert(wire, Egress))


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0", "128.0.0.0/1", "168.0.0.0/5"])
def test_a_wide_range_leaves_out_what_is_private_in_it(cidr: str) -> None:
    """The apiserver takes only exceptions that are smaller than the range."""
    block = rule(Egress(cidr=cidr))["to"][0]["ipBlock"]
    whole = ipaddress.ip_network(cidr)

    parts = [ipaddress.ip_network(part) for part in block["except"]]
    assert parts
    assert all(part.version == whole.version and part != whole for part in parts)
    for address in ("10.0.0.1", "169.254.169.254", "192.168.1.1", "100.100.100.200", "fd00:ec2::254"):
        inside = ipaddress.ip_address(address)
        assert inside not in whole or any(inside in part for part in parts), address


def test_what_a_project_leaves_out_is_left_out() -> None:
    """Such as the nodes' own public addresses."""
    egress = Egress(cidr="203.0.113.0/24", except_=("203.0.113.128/25",))
    assert rule(egress)["to"] == [{"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}}]
    assert described(egress) == "203.0.113.0/24, but not 203.0.113.128/25"


def test_the_guard_lets_through_what_the_project_names_and_the_status_tells_it() -> None:
    """After the namespace itself and DNS; a project that names nothing adds nothing."""
    by = project(egress=[{"namespace": "payments", "ports": ["8080"]}])

    def rules(spec: ProjectSpec) -> list[object]:
        (policy,) = (
            each for each in guardrails.guardrails(spec, preview()) if each["kind"] == "NetworkPolicy"
        )
        listed: list[object] = policy["spec"]["egress"]
        return listed

    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "payments"}}}
    added = {"to": [peer], "ports": [{"protocol": "TCP", "port": 8080}]}
    assert rules(by.spec) == [*rules(project().spec), added]
    assert asked(by=by).egress == ("namespace payments at 8080/TCP",)
    assert asked().egress == ()
