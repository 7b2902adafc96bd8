"""Where the apiserver is and who we are to it: from a kubeconfig, or from inside a pod.

`load` reads and checks; nothing here opens a connection. What changes over time, a token file or an
exec plugin, is kept as where to get it, and `auth` gets it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from kubepreview.errors import InvalidInput
from kubepreview.kube.kubeconfig import Kubeconfig, Section
from kubepreview.kube.proxy import from_environment

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_INTERACTIVE_MODES = ("Never", "IfAvailable", "Always")


class Impersonation(Struct, frozen=True):
    """Act as somebody else, where RBAC allows it."""

    user: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecPlugin:
    """A program that prints an ExecCredential (client.authentication.k8s.io)."""

    command: str
    args: tuple[str, ...] = ()
    api_version: str = _EXEC_VERSIONS[0]
    interactive_mode: str = "IfAvailable"
    provide_cluster_info: bool = False
    install_hint: str = ""
    place: str = "users[].user.exec"
    # The plugin's own entries over ours; secrets may be among them, so not printed.
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """One apiserver and one identity. `source` is where it was read, for messages."""

    server: str
    ca_data: bytes = field(default=b"", repr=False)
    client_cert: bytes = field(default=b"", repr=False)
    client_key: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    exec_plugin: ExecPlugin | None = None
    insecure: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    namespace: str = "default"
    impersonate: Impersonation | None = None
    source: str = ""


def load(kubeconfig: Path | None, context: str | None, environ: Mapping[str, str]) -> Credentials:
    """Find the credentials as kubectl does: the given file, $KUBECONFIG, ~/.kube/config, the pod's own."""
    paths = _paths(kubeconfig, environ)
    if paths:
        return _from_kubeconfig(Kubeconfig.read(paths), context, environ)
    if context is None and "KUBERNETES_SERVICE_HOST" in environ:
        return in_cluster(environ)
    raise InvalidInput(
        "no cluster to talk to: no --kubeconfig, no $KUBECONFIG, no ~/.kube/config, and this is not a pod",
        hint="pass --kubeconfig, or start the embedded cluster with `kubepreview cluster up`",
    )


def in_cluster(environ: Mapping[str, str], account: Path = _SERVICE_ACCOUNT) -> Credentials:
    """The service account of the pod we run in; its token is re-read, since the kubelet renews it."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    ca_file, token_file, namespace_file = (account / name for name in ("ca.crt", "token", "namespace"))
    try:
        ca_data = ca_file.read_bytes()
        token_file.read_bytes()
        namespace = namespace_file.read_text().strip() if namespace_file.exists() else "default"
    except OSError as error:
        raise InvalidInput(
            f"in-cluster credentials: cannot read {error.filename}: {error.strerror}",
            hint="the pod needs a service account with automountServiceAccountToken",
        ) from error
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Credentials(
        server=server,
        proxy_url=from_environment(server, environ),
        ca_data=ca_data,
        token_file=token_file,
        namespace=namespace,
        source=str(account),
    )


def _paths(kubeconfig: Path | None, environ: Mapping[str, str]) -> Sequence[Path]:
    if kubeconfig is not None:
        return [kubeconfig]
    if listed := environ.get("KUBECONFIG"):
        # kubectl splits at the path separator of the system and passes over empty items.
        return [Path(item) for item in listed.split(":") if item]
    home = Path(environ.get("HOME", "/nonexistent")) / ".kube" / "config"
    return [home] if home.is_file() else []


def _from_kubeconfig(config: Kubeconfig, context: str | None, environ: Mapping[str, str]) -> Credentials:
    name = context or config.current_context()
    chosen = config.entry("contexts", name, "--context" if context else "current-context")
    cluster = config.entry("clusters", chosen.required("cluster"), f"context {name!r}")
    identity = Credentials(server=_server(cluster))
    if user_name := chosen.text("user"):
        identity = _with_user(identity, config.entry("users", user_name, f"context {name!r}"), environ)
    insecure, ca_data = cluster.flag("insecure-skip-tls-verify"), cluster.pem("certificate-authority")
    if insecure and ca_data:
        raise cluster.wrong("insecure-skip-tls-verify", "cannot be true next to a certificate-authority")
    return replace(
        identity,
        ca_data=ca_data,
        insecure=insecure,
        tls_server_name=cluster.text("tls-server-name"),
        proxy_url=_proxy(cluster, environ),
        namespace=chosen.text("namespace") or "default",
        source=f"{chosen.file} (context {name})",
    )


def _server(cluster: Section) -> str:
    server = cluster.required("server")
    is_url = urlsplit(server).scheme in {"http", "https"} and urlsplit(server).hostname
    if not is_url or not server.isascii():
        raise cluster.wrong("server", f"{server!r} is not an http(s) URL")
    return server.rstrip("/")


def _proxy(cluster: Section, environ: Mapping[str, str]) -> str:
    proxy = cluster.text("proxy-url")
    if proxy and urlsplit(proxy).scheme not in {"http", "https"}:
        raise cluster.wrong("proxy-url", f"{proxy!r} is not an http(s) URL", "SOCKS is not supported")
    return proxy or from_environment(cluster.required("server"), environ)


def _with_user(identity: Credentials, user: Section, environ: Mapping[str, str]) -> Credentials:
    for dead in ("auth-provider", "username", "password"):
        if user.values.get(dead):
            raise user.wrong(
                dead, "Kubernetes has removed this way to log in", "use an exec plugin or a token"
            )
    cert, key = user.pem("client-certificate"), user.pem("client-key")
    if bool(cert) != bool(key):
        missing = "client-key" if cert else "client-certificate"
        raise user.wrong(missing, "is required: a client certificate and its key come together")
    token_file, token = user.path("tokenFile"), user.text("token")
    acting_as = user.text("as")
    return replace(
        identity,
        client_cert=cert,
        client_key=key,
        # kubectl prefers the file, which is renewed, to the token in the kubeconfig.
        token="" if token_file else token,
        token_file=token_file,
        exec_plugin=_exec(user.section("exec"), environ) if user.values.get("exec") else None,
        impersonate=Impersonation(acting_as, user.texts("as-groups")) if acting_as else None,
    )


def _exec(plugin: Section, environ: Mapping[str, str]) -> ExecPlugin:
    version = plugin.required("apiVersion")
    if version not in _EXEC_VERSIONS:
        raise plugin.wrong(
            "apiVersion", f"{version!r} is not supported", f"use {' or '.join(_EXEC_VERSIONS)}"
        )
    mode = plugin.text("interactiveMode") or "IfAvailable"
    if mode not in _INTERACTIVE_MODES:
        raise plugin.wrong("interactiveMode", f"must be {', '.join(_INTERACTIVE_MODES)}, not {mode!r}")
    command = plugin.required("command")
    if "/" in command:
        # As in client-go: a command with a slash is found from the kubeconfig, a bare one from $PATH.
        command = str(plugin.file.parent / command)
    own = {entry.required("name"): entry.text("value") for entry in plugin.sections("env")}
    return ExecPlugin(
        command=command,
        args=plugin.texts("args"),
        api_version=version,
        interactive_mode=mode,
        provide_cluster_info=plugin.flag("provideClusterInfo"),
        install_hint=plugin.text("installHint"),
        place=f"{plugin.file}: {plugin.field}",
        environ={**environ, **own},
    )
