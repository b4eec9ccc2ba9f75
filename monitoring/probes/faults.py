"""Collecting what is wrong with a definition, field by field, so that somebody who saves it hears all at once."""

from collections.abc import Iterable, Mapping
from typing import Any

from monitoring.conditions import Condition, ConditionsRefused, parse
from monitoring.probes.definitions import Definition
from monitoring.probes.secrets import Secrets
from postdeploy.lib.addresses import Network, UrlRefused, check_host_and_port, check_url
from postdeploy.lib.http import MAX_TIMEOUT_S, Request, RequestRefused


class Faults:
    """The faults found so far. With `networks` addresses are judged by them, else only when they are connected to."""

    def __init__(self, networks: Iterable[Network | str] | None = None) -> None:
        self.found: dict[str, str] = {}
        self.networks = ("0.0.0.0/0", "::/0") if networks is None else tuple(networks)

    def note(self, field: str, sentence: str) -> None:
        """Remember a fault; the first of a field counts."""
        self.found.setdefault(field, sentence)

    def conditions(self, row: Definition) -> tuple[Condition, ...]:
        """The conditions of a row, none where they cannot be read."""
        return self.conditions_in("conditions", row.conditions, row.kind)

    def conditions_in(self, field: str, text: str, kind: str) -> tuple[Condition, ...]:
        """The conditions of a text."""
        try:
            return parse(text, kind)
        except ConditionsRefused as refused:
            self.note(field, str(refused))
            return ()

    def secrets(self, row: Definition) -> Secrets:
        """The opened secrets of a row; two ways to sign in, and a user that cannot be sent, are noted."""
        secrets = Secrets.of(row.secrets)
        if secrets.token and (secrets.user or secrets.password):
            self.note("token", "Only one can be sent: give a bearer token, or a user and password.")
        if ":" in secrets.user:
            self.note("user", "A user must not contain a colon: it is what ends the name.")
        return secrets

    def url(self, field: str, text: str) -> str:
        """A URL in its normal form."""
        try:
            return check_url(text, self.networks)
        except UrlRefused as refused:
            self.note(field, str(refused))
            return ""

    def host_and_port(self, field: str, text: str, default: int | None = None) -> tuple[str, int]:
        """A host and its port."""
        try:
            return check_host_and_port(text, self.networks, default_port=default)
        except UrlRefused as refused:
            self.note(field, str(refused))
            return "", 0

    def timeout_s(self, row: Definition) -> float:
        """The time limit in seconds."""
        seconds = row.timeout_ms / 1000
        if not 0 < seconds <= MAX_TIMEOUT_S:
            self.note("timeout_ms", f"The time limit must be above 0 and at most {MAX_TIMEOUT_S:g} seconds.")
        return seconds

    def request(self, **parts: Any) -> Request | None:
        """A request, or ``None`` with the reason noted."""
        try:
            return Request(**parts)
        except (RequestRefused, UnicodeError) as refused:
            self.note("timeout_ms" if "time limit" in str(refused) else "target", str(refused))
            return None

    def only(self, options: Mapping[str, Any], known: Mapping[str, type]) -> None:
        """Note options that a kind does not have, and those that are no value of their type."""
        if unknown := sorted(set(options) - set(known)):
            listed = ", ".join(known)
            self.note(f"options.{unknown[0]}", f"{unknown[0][:40]} is not an option of this kind; it has {listed}.")
        for name, kind in known.items():
            if name in options and type(options[name]) is not kind and options[name] is not None:
                self.note(f"options.{name}", f"{name} must be {_TYPES[kind]}.")


_TYPES = {str: "a text", bool: "true or false", int: "a whole number", dict: "an object"}
