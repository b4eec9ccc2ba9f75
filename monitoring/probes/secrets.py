"""What a check keeps encrypted: request headers, how it signs in, a client certificate, and values that flows name."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Secrets:
    """Opened secrets; all of them optional."""

    headers: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    password: str = ""
    token: str = ""
    certificate: str = ""
    key: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Secrets":
        """Those that a check has stored."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__ if name in stored})

    def request_headers(self) -> dict[str, str]:
        """The headers to send, with the one that signs in; one that was written by hand wins."""
        headers = dict(self.headers)
        if any(name.lower() == "authorization" for name in headers):
            return headers
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.user or self.password:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        return headers

    def hidden(self) -> tuple[str, ...]:
        """Each text that must not be shown, longest first."""
        texts = {self.password, self.token, *self.values.values(), *self.headers.values()}
        texts |= {part for value in self.request_headers().values() for part in value.split()[1:]}
        return tuple(sorted(filter(None, texts), key=len, reverse=True))
