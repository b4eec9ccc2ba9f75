"""Reading request bodies: strict JSON with bounds, and inflation with a cap.

What gets through can be stored as ``jsonb`` and rendered again: valid UTF-8, no NUL, no lone surrogate, no NaN or
infinity, integers of 64 bits, no key twice, and no depth that a recursive reader chokes on.
"""

import json
import math
import re
import zlib
from collections.abc import Iterator

MAX_DEPTH = 32
MAX_GZIP_MEMBERS = 1000

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)  # possessive: linear on any input
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NEVER_STORED = re.compile("[\x00\ud800-\udfff]")
_CHUNK = 64 * 1024


class PayloadRefused(Exception):
    """The body is not accepted: HTTP status, short code, sentence, and the JSON pointer of the culprit ("": whole)."""

    def __init__(self, status: int, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.pointer = status, code, detail, pointer


class _Bad:
    """Stands where a bad value was found, until its pointer is known."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail


def read_json(raw: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH) -> object:
    """The value of a JSON body; ``PayloadRefused`` with status 413 when too large, else 400."""
    if len(raw) > max_bytes:
        raise too_large(max_bytes)
    text = _decoded(raw)
    if _is_deeper(raw, max_depth):
        raise PayloadRefused(400, "too_deep", f"The JSON is nested deeper than {max_depth} levels.")
    reader = _Reader()
    try:
        value: object = reader.decoder.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise PayloadRefused(400, "invalid_json", f"The body is not valid JSON: {error.msg}, {where}.") from None
    # Only an escape can bring NUL or a surrogate in: raw ones are refused above and by the decoder.
    if reader.has_bad or b"\\u" in raw:
        _refuse_bad(value)
    return value


def too_large(max_bytes: int) -> PayloadRefused:
    """The refusal of a body above ``max_bytes``."""
    return PayloadRefused(413, "too_large", f"The body is larger than {max_bytes:,} bytes; send less at once.")


def _decoded(raw: bytes) -> str:
    if raw.startswith(b"\xef\xbb\xbf"):
        raise PayloadRefused(400, "byte_order_mark", "The body begins with a byte order mark; send UTF-8 without it.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"The body is not valid UTF-8 (byte {error.start}); send JSON in UTF-8."
        raise PayloadRefused(400, "invalid_utf8", detail) from None
    if not text.strip():
        raise PayloadRefused(400, "empty", "The body is empty; send JSON.")
    return text


def _is_deeper(raw: bytes, max_depth: int) -> bool:
    """Whether brackets outside strings nest deeper than this; linear in the body, without recursion."""
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return False
    brackets = _STRING.sub(b"", raw).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(max_depth):  # each round takes the innermost level away
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return b"[]" in brackets or brackets.count(b"[") > max_depth


class _Reader:
    """A JSON decoder that marks what is syntactically fine and yet not accepted."""

    def __init__(self) -> None:
        self.has_bad = False
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=self._float,
            parse_int=self._int,
            parse_constant=self._constant,
        )

    def _mark(self, code: str, detail: str) -> _Bad:
        self.has_bad = True
        return _Bad(code, detail)

    def _object(self, pairs: list[tuple[str, object]]) -> object:
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return self._mark("duplicate_key", f"The key {_shown(twice)} occurs twice in one object.")

    def _float(self, text: str) -> object:
        number = float(text)
        if math.isfinite(number):
            return number
        return self._mark("number_too_large", f"The number {text[:40]} is too large.")

    def _int(self, text: str) -> object:
        if len(text) <= 20 and -(2**63) <= (number := int(text)) < 2**63:
            return number
        return self._mark("number_too_large", f"The integer {text[:40]} does not fit into 64 bits.")

    def _constant(self, text: str) -> object:
        return self._mark("not_a_number", f"{text} is not a JSON number; leave it out.")


def _refuse_bad(value: object) -> None:
    for pointer, found in _walk(value, ""):
        if isinstance(found, _Bad):
            raise PayloadRefused(400, found.code, found.detail, pointer)
        if isinstance(found, str) and (bad := _NEVER_STORED.search(found)):
            name = "a NUL character" if bad.group() == "\x00" else "half of a surrogate pair"
            raise PayloadRefused(400, "invalid_character", f"The text has {name} in it, which cannot be kept.", pointer)


def _walk(value: object, pointer: str) -> Iterator[tuple[str, object]]:
    """Every key and value in the order of the document, with its pointer; as deep as ``max_depth`` let through."""
    yield pointer, value
    if isinstance(value, dict):
        for key, inner in value.items():
            where = f"{pointer}/{_shown(key, quotes=False).replace('~', '~0').replace('/', '~1')}"
            yield where, key
            yield from _walk(inner, where)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{pointer}/{index}")


def _shown(key: str, *, quotes: bool = True) -> str:
    """A key that can be shown and sent back, whatever is in it."""
    shown = _NEVER_STORED.sub("\ufffd", key[:100])
    return f"“{shown}”" if quotes else shown


def inflate(raw: bytes, *, content_encoding: str, max_bytes: int) -> bytes:
    """The body as it was before its ``Content-Encoding`` ("": none), at most ``max_bytes`` of it.

    Reads all members of a gzip stream. ``PayloadRefused``: 413 at the cap while inflating, 415 for a coding other than
    gzip (also for two on top of each other), 400 for broken data.
    """
    coding = content_encoding.strip().lower()
    if coding in ("", "identity"):
        if len(raw) > max_bytes:
            raise too_large(max_bytes)
        return raw
    if coding not in ("gzip", "x-gzip"):
        detail = f"The content coding “{coding[:40]}” is not accepted; send gzip or none."
        raise PayloadRefused(415, "unsupported_encoding", detail)
    return _gunzip(raw, max_bytes)


def _gunzip(raw: bytes, max_bytes: int) -> bytes:
    out = bytearray()
    member, members = zlib.decompressobj(wbits=31), 1
    for start in range(0, len(raw), _CHUNK):
        rest = raw[start : start + _CHUNK]
        while rest:
            if member.eof:
                rest = rest.lstrip(b"\x00")  # padding after a member
                if not rest:
                    break
                member, members = zlib.decompressobj(wbits=31), members + 1
            try:
                out += member.decompress(rest, max_bytes + 1 - len(out))
            except zlib.error:
                raise PayloadRefused(400, "invalid_gzip", "The body is not valid gzip.") from None
            if len(out) > max_bytes:
                raise too_large(max_bytes)
            if members > MAX_GZIP_MEMBERS:
                raise PayloadRefused(400, "invalid_gzip", f"The body has more than {MAX_GZIP_MEMBERS} gzip members.")
            rest = member.unconsumed_tail or (member.unused_data if member.eof else b"")
    if not member.eof:
        raise PayloadRefused(400, "invalid_gzip", "The gzip body ends too early.")
    return bytes(out)
