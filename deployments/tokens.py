"""Tokens as texts: how one is made and what of it is kept. Pure."""

import hashlib
import secrets

PREFIX = "pd_"
SHOWN = 10


def new_token() -> str:
    """Return a new token: `pd_` and 32 random bytes in 43 URL-safe characters."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return what is stored of a token: SHA-256 in hex. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def shown_part(token: str) -> str:
    """Return the first characters, by which people tell tokens apart."""
    return token[:SHOWN]
