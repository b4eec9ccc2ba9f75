"""What is asked and what came of it: plain frozen data, no network.

A request that cannot be sent is refused when it is made (``RequestRefused``); everything that goes wrong on the way
is a value: ``Outcome.failure`` with a sentence beside it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MAX_BODY = 64 * 1024
MAX_TIMEOUT_S = 300.0
#: What to speak: what both sides can ("": HTTP/2 over TLS, else 1.1), only 1.1, or HTTP/2 from the first byte on.
HTTP_VERSIONS = ("", "1.1", "2")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_PRINTABLE = re.compile(r"[\x21-\x7e]{1,8000}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# They describe the message on the wire; two opinions about its length are how requests are smuggled.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"})


#: All of a request but where it goes and how long it may take: what is of one form is sent by one setting of a handle.
Form = tuple[object, ...]

# Nobody changes what was made. But to let Python refuse it (`frozen`) would make it three times as dear, and of some
# classes here thousands are made each second.


class RequestRefused(ValueError):
    """The request is not one that may be sent; the text is a sentence."""


class Failure(StrEnum):
    """Why there is no (whole) response."""

    DNS = "DNS"
    REFUSED = "REFUSED"
    UNREACHABLE = "UNREACHABLE"
    RESET = "RESET"
    TIMEOUT = "TIMEOUT"
    TLS = "TLS"
    TOO_LARGE = "TOO_LARGE"
    BLOCKED = "BLOCKED"
    REDIRECTS = "REDIRECTS"
    PROTOCOL = "PROTOCOL"
    OTHER = "OTHER"


class Phase(StrEnum):
    """What a request was doing when its time ran out."""

    DNS = "DNS"
    CONNECT = "CONNECT"
    TLS = "TLS"
    FIRST_BYTE = "FIRST_BYTE"
    BODY = "BODY"

    @property
    def words(self) -> str:
        """The phase as it reads after "timed out"."""
        return _PHASE_WORDS[self]


_PHASE_WORDS = {
    Phase.DNS: "while looking up the name",
    Phase.CONNECT: "while connecting",
    Phase.TLS: "during the TLS handshake",
    Phase.FIRST_BYTE: "while waiting for the first byte",
    Phase.BODY: "while reading the answer",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    ``timeout_s`` is a deadline for everything, redirects included. At most ``max_body`` bytes of the body are kept,
    and the transfer ends there; with ``refuse_large`` a larger body is the failure TOO_LARGE. ``fresh`` means a
    connection of its own, closed afterwards. ``version`` is one of HTTP_VERSIONS, ``certificate`` a client certificate
    and its key in PEM, shown to the host of the URL and to no other one.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = 10.0
    follow: bool = False
    max_body: int = MAX_BODY
    refuse_large: bool = False
    fresh: bool = False
    version: str = ""
    certificate: tuple[bytes, bytes] | None = None
    form: Form = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _PRINTABLE.fullmatch(self.url):
            raise RequestRefused("The URL may only have printable ASCII characters; write others percent-encoded.")
        if self.method not in METHODS:
            raise RequestRefused(f"The method {self.method[:20]!r} is not one of {', '.join(METHODS)}.")
        if self.version not in HTTP_VERSIONS:
            raise RequestRefused(f"The version of HTTP must be one of {HTTP_VERSIONS}.")
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            raise RequestRefused(f"The time limit must be above 0 and at most {MAX_TIMEOUT_S:g} seconds.")
        for name, value in self.headers.items():
            if why := header_refusal(name, value):
                raise RequestRefused(why)
        form = self.method, self.body, self.headers, self.fresh, self.is_tls, self.version, self.certificate
        object.__setattr__(self, "form", form)

    @property
    def is_tls(self) -> bool:
        """Whether it goes over TLS."""
        return self.url.startswith("https:")


def header_refusal(name: str, value: str) -> str | None:
    """Why this header may not be sent, as a sentence; ``None`` if it may."""
    if not _TOKEN.fullmatch(name):
        return f"The header name {name[:40]!r} is not valid; use letters, digits and hyphens."
    if name.lower() in _OWN_HEADERS:
        return f"The header {name} is set by Postdeploy itself."
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
        return f"The value of the header {name} has a line break or another control character in it."
    if not value.isascii():
        return f"The value of the header {name} may only have ASCII characters."
    return None


@dataclass(slots=True)  # not frozen, see above
class Timings:
    """Where the time went, in milliseconds, all hops together. Zero for a phase that a kept connection spared."""

    dns_ms: float = 0.0
    connect_ms: float = 0.0
    tls_ms: float = 0.0
    first_byte_ms: float = 0.0
    total_ms: float = 0.0

    def __add__(self, other: "Timings") -> "Timings":
        return Timings(
            self.dns_ms + other.dns_ms,
            self.connect_ms + other.connect_ms,
            self.tls_ms + other.tls_ms,
            self.first_byte_ms + other.first_byte_ms,
            self.total_ms + other.total_ms,
        )


@dataclass(slots=True)  # not frozen, see above
class Response:
    """What the server said. ``is_cut``: there was more body than was kept."""

    status: int
    head: bytes = b""
    body: bytes = b""
    is_cut: bool = False

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case; ``None`` if there is none."""
        wanted = name.lower().encode("latin-1", "replace")
        for line in self.head.split(b"\r\n")[1:]:
            key, colon, value = line.partition(b":")
            if colon and key.strip().lower() == wanted:
                return value.strip().decode("latin-1")
        return None

    @property
    def text(self) -> str:
        """The body as UTF-8, with what is not valid replaced."""
        return self.body.decode("utf-8", "replace")


@dataclass(slots=True)  # not frozen, see above
class Outcome:
    """What came of a request: a response, a failure, or (cut off in the body) both.

    ``detail`` is a sentence without capital and full stop, empty when nothing failed. ``url`` is the one that answered,
    after ``redirects`` hops. ``certificate_expires_at`` is known when a TLS connection was opened for this request.
    """

    url: str
    response: Response | None = None
    failure: Failure | None = None
    detail: str = ""
    phase: Phase | None = None
    timings: Timings = field(default_factory=Timings)
    address: str | None = None
    redirects: int = 0
    is_reused: bool = False
    certificate_expires_at: datetime | None = None

    @property
    def status(self) -> int | None:
        """The status code, if a response began."""
        return self.response.status if self.response else None
