"""What conditions look at: one answer, as plain data, whatever it came from."""

import json
from dataclasses import dataclass


class NotJson(ValueError):
    """The body is not JSON; the text is a clause that says so."""


_UNREAD = object()


@dataclass(slots=True)
class Answer:
    """What came back. What a kind of check does not have stays as it is here.

    ``head`` are the raw lines of an HTTP head, ``body`` the beginning of a body (``is_cut``: there was more) or what a
    TCP server said, ``answers`` the records of a DNS answer, ``left`` and ``right`` the numbers of a reconciliation.
    """

    time_ms: float = 0.0
    status: int = 0
    head: bytes = b""
    body: bytes = b""
    is_cut: bool = False
    redirects: int = 0
    certificate_days: int | None = None
    protocol: str = ""
    answers: tuple[str, ...] = ()
    left: float = 0.0
    right: float = 0.0
    _document: object = _UNREAD

    def header(self, name: str) -> str | None:
        """The values of a header in any case, joined as HTTP says; ``None`` if there is none."""
        wanted = name.lower().encode("latin-1", "replace")
        lines = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        values = [
            value.strip().decode("latin-1") for key, colon, value in lines if colon and key.strip().lower() == wanted
        ]
        return ", ".join(values) if values else None

    @property
    def spoken(self) -> str:
        """The protocol: as it was noted, else what the HTTP head begins with."""
        return self.protocol or self.head.partition(b" ")[0].decode("latin-1")

    def document(self) -> object:
        """The body as JSON, read once; NotJson when it is none."""
        if self._document is _UNREAD:
            self._document = self._read()
        if isinstance(self._document, NotJson):
            raise self._document
        return self._document

    def _read(self) -> object:
        if self.is_cut:
            return NotJson(f"the JSON cannot be read: the body is larger than {len(self.body) // 1024} KB")
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return NotJson("the body is not JSON")

    @property
    def where(self) -> str:
        """The body in words."""
        return f"the first {len(self.body) // 1024} KB of the body" if self.is_cut else "the body"
