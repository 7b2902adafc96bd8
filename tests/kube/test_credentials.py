"""Kubeconfigs and pods: what is read, and how each mistake is told."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepreview.errors import InvalidInput
from kubepreview.kube import credentials
from kubepreview.kube.credentials import Impersonation


def _config(
    user: Mapping[str, Any] | None = None, cluster: Mapping[str, Any] | None = None, name: str = "here"
) -> dict[str, Any]:
    return {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "team"}}],
        "clusters": [
            {"name": name, "cluster": {"server": f"https://{name}.example.com/", **(cluster or {})}}
        ],
        "users": [{"name": name, "user": dict(user or {})}],
    }


def _write(path: Path, config: object) -> Path:
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_kubeconfig(tmp_path: Path) -> None:
    """Server, trust, identity, namespace and impersonation come from the current context."""
    (tmp_path / "ca.crt").write_bytes(b"trust")
    user = {
        "client-certificate-data": base64.b64encode(b"cert").decode(),
        "client-key-data": base64.b64encode(b"key").decode(),
        "as": "jane",
        "as-groups": ["dev"],
    }
    path = _write(tmp_path / "config", _config(user, {"certificate-authority": "ca.crt"}))

    loaded = credentials.load(path, None, {})

    assert loaded.server == "https://here.example.com"
    assert (loaded.ca_data, loaded.client_cert, loaded.client_key) == (b"trust", b"cert", b"key")
    assert loaded.namespace == "team"
    assert loaded.impersonate == Impersonation("jane", ("dev",))


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    """The text of credentials, as a log might show it, holds no secret."""
    loaded = credentials.load(_write(tmp_path / "config", _config({"token": "hunter2"})), None, {})

    assert loaded.token == "hunter2"  # noqa: S105 — not a real one
    assert "hunter2" not in repr(loaded)


def test_a_chosen_context(tmp_path: Path) -> None:
    """--context picks another entry than current-context."""
    both, there = _config(), _config(name="there")
    for key in ("contexts", "clusters", "users"):
        both[key] += there[key]

    loaded = credentials.load(_write(tmp_path / "config", both), "there", {})

    assert loaded.server == "https://there.example.com"


def test_kubeconfig_lists_are_merged(tmp_path: Path) -> None:
    """Of several files the first that names an entry wins, and those that are missing are passed over."""
    first = _write(tmp_path / "first", {**_config(), "users": []})
    second = _write(tmp_path / "second", _config({"token": "t"}, name="here") | {"current-context": "other"})
    listed = f"{tmp_path / 'missing'}:{first}::{second}"

    loaded = credentials.load(None, None, {"KUBECONFIG": listed})

    assert loaded.server == "https://here.example.com"
    assert loaded.token == "t"  # noqa: S105 — not a real one


def test_home(tmp_path: Path) -> None:
    """Without anything else, ~/.kube/config it is."""
    (tmp_path / ".kube").mkdir()
    _write(tmp_path / ".kube" / "config", _config())

    assert credentials.load(None, None, {"HOME": str(tmp_path)}).server == "https://here.example.com"


def test_a_token_file_wins_and_is_relative_to_its_kubeconfig(tmp_path: Path) -> None:
    """A token file is preferred to a token, and found from the kubeconfig."""
    loaded = credentials.load(
        _write(tmp_path / "config", _config({"token": "old", "tokenFile": "token"})), None, {}
    )

    assert loaded.token_file == tmp_path / "token"
    assert loaded.token == ""


def test_an_exec_plugin(tmp_path: Path) -> None:
    """A plugin with a slash is found from the kubeconfig, and its own environment goes over ours."""
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "./bin/login",
        "args": ["--now"],
        "env": [{"name": "B", "value": "2"}],
        "interactiveMode": "Never",
    }

    loaded = credentials.load(
        _write(tmp_path / "config", _config({"exec": plugin})), None, {"A": "1", "B": "1"}
    )

    assert loaded.exec_plugin is not None
    assert loaded.exec_plugin.command == str(tmp_path / "bin" / "login")
    assert loaded.exec_plugin.environ == {"A": "1", "B": "2"}


def test_in_a_pod(tmp_path: Path) -> None:
    """In a pod the service account's files and the service's address are used."""
    for name, content in (("ca.crt", "trust"), ("token", "t"), ("namespace", "kubepreview\n")):
        (tmp_path / name).write_text(content)
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}

    loaded = credentials.in_cluster(environ, tmp_path)

    assert loaded.server == "https://[fd00::1]:6443"
    assert loaded.token_file == tmp_path / "token"
    assert loaded.namespace == "kubepreview"


_EXEC_V1 = {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}


@pytest.mark.parametrize(
    ("config", "place", "what"),
    [
        ([], "", "must be a mapping, not list"),
        ({}, "current-context", "is not set"),
        ({"current-context": 7}, "current-context", "must be a string, not int"),
        (
            _config() | {"contexts": []},
            "contexts",
            "no entry is named 'here', which current-context asks for",
        ),
        (_config() | {"clusters": []}, "clusters", "no entry is named 'here', which context 'here' asks for"),
        (_config() | {"users": []}, "users", "no entry is named 'here', which context 'here' asks for"),
        (_config() | {"users": {"here": {}}}, "users", "must be a list of mappings"),
        (_config(cluster={"server": ""}), "clusters[here].cluster.server", "is required"),
        (
            _config(cluster={"server": "example.com"}),
            "clusters[here].cluster.server",
            "is not an http(s) URL",
        ),
        (
            _config(cluster={"certificate-authority-data": "%"}),
            "clusters[here].cluster.certificate-authority-data",
            "is not base64",
        ),
        (
            _config(cluster={"certificate-authority": "nowhere.crt"}),
            "clusters[here].cluster.certificate-authority",
            "cannot read",
        ),
        (
            _config(cluster={"insecure-skip-tls-verify": "yes"}),
            "clusters[here].cluster.insecure-skip-tls-verify",
            "must be true or false, not 'yes'",
        ),
        (
            _config(cluster={"insecure-skip-tls-verify": True, "certificate-authority-data": "YQ=="}),
            "clusters[here].cluster.insecure-skip-tls-verify",
            "cannot be true next to a certificate-authority",
        ),
        (
            _config(cluster={"proxy-url": "socks5://x"}),
            "clusters[here].cluster.proxy-url",
            "is not an http(s)",
        ),
        (_config({"client-certificate-data": "YQ=="}), "users[here].user.client-key", "come together"),
        (_config({"client-key-data": "YQ=="}), "users[here].user.client-certificate", "come together"),
        (_config({"password": "x"}), "users[here].user.password", "removed this way to log in"),
        (_config({"auth-provider": {"name": "gcp"}}), "users[here].user.auth-provider", "removed this way"),
        (_config({"exec": "login"}), "users[here].user.exec", "must be a mapping, not str"),
        (
            _config({"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}}),
            "users[here].user.exec.apiVersion",
            "is not supported",
        ),
        (_config({"exec": {**_EXEC_V1, "command": ""}}), "users[here].user.exec.command", "is required"),
        (
            _config({"exec": {**_EXEC_V1, "args": "x"}}),
            "users[here].user.exec.args",
            "must be a list of strings",
        ),
        (
            _config({"exec": {**_EXEC_V1, "env": [{"value": "x"}]}}),
            "users[here].user.exec.env[0].name",
            "is required",
        ),
        (
            _config({"exec": {**_EXEC_V1, "interactiveMode": "Sometimes"}}),
            "users[here].user.exec.interactiveMode",
            "must be Never, IfAvailable, Always",
        ),
    ],
)
def test_each_mistake_names_file_and_field(tmp_path: Path, config: object, place: str, what: str) -> None:
    """A kubeconfig that is wrong is told by file, field and what is wrong with it."""
    path = _write(tmp_path / "config", config)

    with pytest.raises(InvalidInput) as caught:
        credentials.load(path, None, {})

    assert caught.value.message.startswith(f"kubeconfig {path}: {place}")
    assert what in caught.value.message


def test_a_kubeconfig_that_is_not_yaml(tmp_path: Path) -> None:
    """A file that is not YAML is told as such."""
    path = tmp_path / "config"
    path.write_text("a: [")

    with pytest.raises(InvalidInput, match="is not YAML"):
        credentials.load(path, None, {})


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    """A named file that is missing is told by its path."""
    with pytest.raises(InvalidInput, match="missing: cannot be read: No such file"):
        credentials.load(tmp_path / "missing", None, {})


def test_nothing_at_all(tmp_path: Path) -> None:
    """Without any way to a cluster, the error says which were tried and what to do."""
    with pytest.raises(InvalidInput, match="no cluster to talk to") as caught:
        credentials.load(None, None, {"HOME": str(tmp_path)})

    assert "kubepreview cluster up" in caught.value.hint


def test_a_pod_without_a_token(tmp_path: Path) -> None:
    """A pod without a mounted service account is told which file is missing."""
    with pytest.raises(InvalidInput, match=r"ca.crt: No such file") as caught:
        credentials.in_cluster({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path)

    assert "automountServiceAccountToken" in caught.value.hint
