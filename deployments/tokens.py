"""Tokens as texts: how one is made and what of it is kept. Pure."""

import base64
import hashlib
import re
import secrets

PREFIX = "pd_"
SHOWN = 10
IN_URL = re.compile(rf"(?:^|[?&;=])(?:{PREFIX}|(?:access_|api_)?token=)", re.IGNORECASE)


class BadToken(Exception):
    """What was sent to sign in with cannot be a token; the text is a sentence."""


def new_token() -> str:
    """Return a new token: `pd_` and 32 random bytes in 43 URL-safe characters."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return what is stored of a token: SHA-256 in hex. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def shown_part(token: str) -> str:
    """Return the first characters, by which people tell tokens apart."""
    return token[:SHOWN]


def sent_token(authorization: str, query: str, *, may_be_password: bool = False) -> str | None:
    """Return the token of an Authorization header; None without one, BadToken for anything that is no token.

    `may_be_password`: also as the password of HTTP Basic, which some senders of metrics can do and no bearer.
    """
    if IN_URL.search(query):
        raise BadToken(
            'A token in an address ends up in logs. Send it in the header "Authorization: Bearer …" '
            "and revoke the one that was sent."
        )
    scheme, _, text = authorization.strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() == "basic" and may_be_password:
        return _password(text.strip())
    if scheme.lower() != "bearer":
        raise BadToken('Send the token as "Authorization: Bearer …".')
    return text.strip()


def _password(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except ValueError:  # also of the decoding
        raise BadToken("The header Authorization: Basic is not valid base64.") from None
