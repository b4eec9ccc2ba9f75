"""Reading the environment: every setting has one place, and a surprising value is an error that names its variable."""

import ipaddress
import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from postdeploy.lib.locations import fault_of
from postdeploy.processes import in_words

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}


def env_bool(name: str, default: bool) -> bool:
    """Return the yes/no value of the variable `name`; an unknown word is refused."""
    word = os.environ.get(name, "").strip().lower()
    if not word:
        return default
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ImproperlyConfigured(f"{name} is {word!r}: use 1 or 0")


def env_int(name: str, default: int, *, low: int = 0, high: int = 10**9) -> int:
    """Return the whole number in the variable `name`, between `low` and `high`."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.lstrip("-").isdigit() or not low <= int(text) <= high:
        raise ImproperlyConfigured(f"{name} is {text!r}: use a whole number from {low} to {high}")
    return int(text)


def env_list(name: str, default: str = "") -> list[str]:
    """Return the comma-separated words of the variable `name`."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def env_choice(name: str, default: str, choices: set[str]) -> str:
    """Return the word in the variable `name`, which must be one of `choices`."""
    word = os.environ.get(name, "").strip().lower() or default
    if word not in choices:
        raise ImproperlyConfigured(f"{name} is {word!r}: use one of {', '.join(sorted(choices))}")
    return word


def env_url(name: str, default: str, schemes: Collection[str]) -> str:
    """Return the address in the variable `name`, whose scheme must be one of `schemes`.

    The refusal does not repeat the address: it may hold a password.
    """
    url = os.environ.get(name, "").strip() or default
    scheme, separator, rest = url.partition("://")
    if scheme not in schemes or not separator or not rest:
        raise ImproperlyConfigured(f"{name} must be an address that starts with one of {_starts(schemes)}")
    return url


def _starts(schemes: Collection[str]) -> str:
    return ", ".join(f"{scheme}://" for scheme in sorted(schemes))


def env_origin(name: str, default: str) -> str:
    """Return the web address in the variable `name`: scheme, host and port, without a path."""
    url = env_url(name, default, {"http", "https"}).rstrip("/")
    parts = urlsplit(url)
    if parts.path or parts.query or parts.fragment or not parts.hostname:
        raise ImproperlyConfigured(f"{name} is {url!r}: use scheme and host only, such as https://deploys.example.org")
    return url


def env_bind(name: str, default: str) -> str:
    """Return the address to listen on, host and port, in the variable `name`."""
    bind = os.environ.get(name, "").strip() or default
    try:
        parts = urlsplit(f"//{bind}")
        is_good = bool(parts.hostname) and parts.port is not None and parts.netloc == bind
    except ValueError:
        is_good = False
    if not is_good:
        raise ImproperlyConfigured(f"{name} is {bind!r}: use host and port, such as 127.0.0.1:8000 or [::1]:8000")
    return bind


def host_of(url: str) -> str:
    """Return the host of `url` as a browser sends it, an IPv6 address in brackets."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def env_location(name: str) -> str:
    """Return the name of a location in the variable `name`; empty is home."""
    location = os.environ.get(name, "").strip()
    if fault := fault_of(location):
        raise ImproperlyConfigured(f"{name} is {location!r}: {fault[0].lower()}{fault[1:].removesuffix('.')}")
    return location


def env_networks(name: str) -> list[str]:
    """Return the IP networks of the variable `name` in canonical form."""
    try:
        return [str(ipaddress.ip_network(word, strict=False)) for word in env_list(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}; use networks such as 10.0.0.0/8,fd00::/8") from error


def secret_key(var: Path) -> str:
    """Return `SECRET_KEY`, or the key kept in `var/secret_key`, made there at the first start (mode 0600)."""
    key = os.environ.get("SECRET_KEY", "").strip()
    if key:
        return key
    path = var / "secret_key"
    try:
        if not path.exists():
            _make_secret(path)
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(in_words(error, var)) from error


def _make_secret(path: Path) -> None:
    """Give the file its name only when it is whole: a full disk or a second process must not leave an empty key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"secret_key.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
        with suppress(FileExistsError):  # another process was first
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)
