"""One TLS context for one identity."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from kubepreview.errors import InvalidInput
from kubepreview.kube.credentials import Credentials


def context(credentials: Credentials) -> ssl.SSLContext:
    """Trust what the credentials trust, and show the client certificate they hold."""
    try:
        trust = ssl.create_default_context(cadata=credentials.ca_data.decode() or None)
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise InvalidInput(f"{credentials.source}: certificate-authority is not PEM: {error}") from error
    if credentials.insecure:
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    # Python 3.13 asks more of a CA than Go does, and many a cluster's own CA lacks it (RFC 5280 extensions).
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if credentials.client_cert:
        show(trust, credentials.client_cert, credentials.client_key, credentials.source)
    return trust


def show(trust: ssl.SSLContext, cert: bytes, key: bytes, source: str) -> None:
    """Show this client certificate on new connections. `ssl` reads files only, so one exists for a moment."""
    handle, name = tempfile.mkstemp(prefix="kubepreview-", suffix=".pem")  # mkstemp: readable by us alone
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(cert + b"\n" + key)
        trust.load_cert_chain(name, password=b"")  # never ask a person for a passphrase
    except ssl.SSLError as error:
        raise InvalidInput(f"{source}: the client certificate and key do not work: {error}") from error
    finally:
        Path(name).unlink()
