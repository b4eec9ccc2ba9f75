"""Secrets at rest: encrypted with a key derived from `SECRET_KEY`, so that a database dump alone reveals nothing."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class SecretUnreadable(Exception):
    """The stored secret was sealed under another `SECRET_KEY`."""


def seal(text: str) -> str:
    """Return `text` encrypted (Fernet: AES-128-CBC with HMAC-SHA256), as ASCII."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return the text that `seal` was given; SecretUnreadable when the key has changed."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable("this secret was stored under another SECRET_KEY: enter it again") from error


def _box() -> Fernet:
    digest = hashlib.sha256(b"postdeploy.secrets:" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
