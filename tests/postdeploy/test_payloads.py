"""Request bodies: what is not safe to keep is refused with its place, and nothing costs more than its size."""

import gzip
import json
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postdeploy.lib.payloads import MAX_GZIP_MEMBERS, PayloadRefused, inflate, read_json

LIMIT = 1_000_000


def refused(raw: bytes, **options) -> PayloadRefused:
    with pytest.raises(PayloadRefused) as caught:
        read_json(raw, **{"max_bytes": LIMIT} | options)
    assert caught.value.detail.endswith(".")
    return caught.value


@pytest.mark.parametrize(
    "value", [{}, [], "x", 0, -0.5, None, True, {"a": [{"b": "ü😀"}]}, 2**63 - 1, -(2**63), 1e308, 5e-324]
)
def test_it_reads_ordinary_json(value):
    assert read_json(json.dumps(value).encode(), max_bytes=LIMIT) == value


def test_it_reads_escapes_and_whole_surrogate_pairs():
    assert read_json(rb'{"a":"\u00fc \ud83d\ude00 \\u0000"}', max_bytes=LIMIT) == {"a": "ü 😀 \\u0000"}


@pytest.mark.parametrize(
    ("raw", "code", "pointer"),
    [
        (b"", "empty", ""),
        (b"  \n", "empty", ""),
        (b"{", "invalid_json", ""),
        (b"{'a':1}", "invalid_json", ""),
        (b"[1,]", "invalid_json", ""),
        (b"1 2", "invalid_json", ""),
        (b'"raw \x00 byte"', "invalid_json", ""),
        (b'"tab \t inside"', "invalid_json", ""),
        (b"\xff\xfe{\x00}\x00", "invalid_utf8", ""),
        (b'"\xed\xa0\x80"', "invalid_utf8", ""),
        (b'"\xc0\x80"', "invalid_utf8", ""),
        (b"\xef\xbb\xbf{}", "byte_order_mark", ""),
        (b"NaN", "not_a_number", ""),
        (b'{"a":[1,NaN]}', "not_a_number", "/a/1"),
        (b'{"a":{"b":-Infinity}}', "not_a_number", "/a/b"),
        (b'{"a":1e999}', "number_too_large", "/a"),
        (b'{"a":-1e999}', "number_too_large", "/a"),
        (b"9223372036854775808", "number_too_large", ""),
        (b"[" + b"9" * 5000 + b"]", "number_too_large", "/0"),
        (rb'{"a":"x\u0000y"}', "invalid_character", "/a"),
        (rb'{"a":{"b~/c":["\u0000"]}}', "invalid_character", "/a/b~0~1c/0"),
        (rb'{"a":{"x\u0000":1}}', "invalid_character", "/a/x\ufffd".encode().decode()),
        (rb'{"a":"\ud800"}', "invalid_character", "/a"),
        (rb'{"a":"\ude00\ud83d"}', "invalid_character", "/a"),
        (rb'{"\udfff":1}', "invalid_character", "/\ufffd"),
        (b'{"a":1,"b":{"c":1,"c":2}}', "duplicate_key", "/b"),
        (rb'{"a":1,"\u0061":2}', "duplicate_key", ""),
    ],
)
def test_it_refuses_what_cannot_be_kept_and_says_where(raw, code, pointer):
    refusal = refused(raw)
    assert (refusal.status, refusal.code, refusal.pointer) == (400, code, pointer.replace("\\ufffd", "\ufffd"))


def test_the_doubled_key_is_named():
    assert refused(b'{"status":1,"status":2}').detail == "The key “status” occurs twice in one object."


def test_a_large_body_is_refused_before_it_is_read():
    assert refused(b"\xff" * (LIMIT + 1)).status == 413


def test_a_body_of_the_limit_is_read():
    assert read_json(b'"' + b"x" * 98 + b'"', max_bytes=100) == "x" * 98


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
@pytest.mark.parametrize("closing", [b"", b"]", b"}"])
def test_endless_depth_is_refused_without_recursion(opening, closing):
    raw = opening * 100_000 + b"1" + closing * 100_000
    assert refused(raw, max_bytes=10**7).code == "too_deep"


def test_depth_is_counted_exactly_and_brackets_in_text_do_not_count():
    assert read_json(b"[" * 5 + b"]" * 5, max_bytes=LIMIT, max_depth=5)
    assert refused(b"[" * 6 + b"]" * 6, max_depth=5).code == "too_deep"
    assert read_json(rb'["[[[[[[[[\"[[[[[{{{{{"]', max_bytes=LIMIT, max_depth=1)
    assert read_json(b"[" + b"[],{}," * 100 + b"[[1]]]", max_bytes=LIMIT, max_depth=3)


@pytest.mark.parametrize(
    "raw",
    [b'"' + b'\\"' * 400_000, b'["' * 400_000, b'[]{}"' * 160_000, b"[" + b'"\\\\",' * 160_000, b'"\\' * 400_000],
    ids=["escaped quotes", "open quotes", "brackets and quotes", "backslashes", "quotes and backslashes"],
)
def test_hostile_text_costs_no_more_than_its_size(raw):
    began_at = time.process_time()
    assert refused(raw, max_bytes=10**6).status == 400
    assert time.process_time() - began_at < 1


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(plain, st.booleans())
def test_whatever_python_writes_is_read_back(value, ascii_only):
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert read_json(raw, max_bytes=LIMIT) == value


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\u0d8e1 ', max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(raw):
    try:
        value = read_json(raw, max_bytes=LIMIT)
    except PayloadRefused:
        return
    json.dumps(value, allow_nan=False).encode()


@pytest.mark.parametrize("coding", ["gzip", "GZIP", " x-gzip "])
def test_it_inflates_gzip(coding):
    assert inflate(gzip.compress(b"hello"), content_encoding=coding, max_bytes=5) == b"hello"


@pytest.mark.parametrize("coding", ["", "identity"])
def test_it_leaves_a_plain_body_alone(coding):
    assert inflate(b"hello", content_encoding=coding, max_bytes=5) == b"hello"
    with pytest.raises(PayloadRefused) as caught:
        inflate(b"hello!", content_encoding=coding, max_bytes=5)
    assert caught.value.status == 413


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "snappy", "nonsense"])
def test_other_codings_are_415(coding):
    with pytest.raises(PayloadRefused) as caught:
        inflate(b"x", content_encoding=coding, max_bytes=5)
    assert caught.value.status == 415
    assert "gzip" in caught.value.detail


def test_it_reads_all_members_and_the_padding_after_them():
    raw = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two") + b"\x00" * 512
    assert inflate(raw, content_encoding="gzip", max_bytes=7) == b"one two"


@pytest.mark.parametrize(
    "raw",
    [gzip.compress(b"\x00" * 50_000_000), gzip.compress(b"x" * 600) * 2, gzip.compress(b"y" * 1001)],
    ids=["zeros", "members", "one too many"],
)
def test_a_bomb_is_413_at_the_cap(raw):
    began_at = time.process_time()
    with pytest.raises(PayloadRefused) as caught:
        inflate(raw, content_encoding="gzip", max_bytes=1000)
    assert caught.value.status == 413
    assert time.process_time() - began_at < 0.5


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not gzip",
        gzip.compress(b"hello")[:-1],
        gzip.compress(b"hello")[:-9],
        gzip.compress(b"hello") + b"junk",
        gzip.compress(b"hello")[:-5] + b"\x00\x00\x00\x00\x00",
        zlib.compress(b"hello"),
        gzip.compress(b"") * (MAX_GZIP_MEMBERS + 1),
    ],
    ids=["empty", "text", "cut", "no checksum", "junk after it", "wrong checksum", "zlib", "too many members"],
)
def test_broken_gzip_is_400(raw):
    with pytest.raises(PayloadRefused) as caught:
        inflate(raw, content_encoding="gzip", max_bytes=1000)
    assert (caught.value.status, caught.value.code) == (400, "invalid_gzip")


def test_a_million_tiny_members_cost_no_more_than_their_size():
    raw = gzip.compress(b"") * 50_000
    began_at = time.process_time()
    with pytest.raises(PayloadRefused):
        inflate(raw, content_encoding="gzip", max_bytes=1000)
    assert time.process_time() - began_at < 1


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_any_members_come_out_whole(members):
    raw = b"".join(gzip.compress(member) for member in members)
    assert inflate(raw, content_encoding="gzip", max_bytes=10_000) == b"".join(members)
