"""What a GitHub App says with its key. A room's corner of its own: it loads all of cryptography."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def signed(claims: Mapping[str, Any], pem: str) -> str:
    """A JSON Web Token of the claims, signed by RS256. Raises ValueError where there is no RSA key."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("it is no key that can be used") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("it is a key of another kind")  # noqa: TRY004 — of the text, not of the argument
    return jwt.encode(dict(claims), key, algorithm="RS256")
