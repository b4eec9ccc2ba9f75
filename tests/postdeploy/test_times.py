"""Times: RFC 3339 with a zone for our own API, every vendor's shape at the in-roads, one shape on the way out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postdeploy.lib.times import TimeRefused, format_time, parse_time, parse_vendor_time

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02t12:00:00z", NOON),
        ("2026-01-02 12:00:00Z", NOON),
        ("2026-01-02T13:00:00+01:00", NOON),
        ("2026-01-02T06:30:00-05:30", NOON),
        ("2026-01-02T12:00:00-00:00", NOON),
        ("2026-01-02T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
        ("2026-01-02T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T00:59:60.9+01:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2100-12-31T23:59:59Z", datetime(2100, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_it_reads_rfc_3339(text, at):
    assert parse_time(text) == at
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2026-01-02T12:00:00", "time zone"),
        ("2026-01-02 12:00:00", "time zone"),
        ("2026-01-02", "such as"),
        ("", "such as"),
        ("yesterday", "such as"),
        ("2026-01-02T12:00Z", "such as"),
        ("2026-01-02T12:00:00.Z", "such as"),
        ("2026-01-02T12:00:00.1234567890Z", "such as"),
        ("2026-01-02T12:00:00+0100", "such as"),
        ("２０２６-01-02T12:00:00Z", "such as"),
        ("2026-01-02T12:00:00Z\x00", "such as"),
        ("2026-02-30T12:00:00Z", "no such"),
        ("2026-01-02T24:00:00Z", "no such"),
        ("2026-01-02T12:00:60Z", "no such"),
        ("2026-01-02T12:00:61Z", "no such"),
        ("2026-01-02T12:00:00+24:00", "no such"),
        ("2026-01-02T12:00:00+01:60", "no such"),
        ("0000-01-02T12:00:00Z", "no such"),
        ("0001-01-01T00:00:00Z", "between the years"),
        ("0001-01-01T00:00:00+01:00", "no such"),
        ("1999-12-31T23:59:59Z", "between the years"),
        ("2101-01-01T00:00:00Z", "between the years"),
        ("9999-12-31T23:59:59-01:00", "no such"),
        (1700000000, "as text"),
        (None, "as text"),
        (["2026-01-02T12:00:00Z"], "as text"),
    ],
)
def test_it_refuses_with_a_sentence(text, part):
    with pytest.raises(TimeRefused, match=part) as refused:
        parse_time(text)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02t12:00:00.123456789z", NOON + timedelta(microseconds=123456)),
        ("2026-01-02 13:00:00 +0100", NOON),
        ("2026-01-02 13:00:00 +01:00", NOON),
        ("2026-01-02 12:00:00 UTC", NOON),
        ("2026-01-02 12:00:00 +0000 UTC", NOON),
        (1767355200, NOON),
        (1767355200.25, NOON + timedelta(milliseconds=250)),
        (1767355200000, NOON),
        ("1767355200000", NOON),
        (1767355200000000, NOON),
        (1767355200000000000, NOON),
        ("1767355200000000000", NOON),
        ("1767355200.5", NOON + timedelta(milliseconds=500)),
        ("946684800", datetime(2000, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00.000Z", None),
        ("0001-01-01 00:00:00 +0000 UTC", None),
        ("", None),
        (None, None),
    ],
)
def test_it_reads_what_vendors_send(value, at):
    assert parse_vendor_time(value) == at


@pytest.mark.parametrize(
    "value",
    [True, {}, [], "soon", 0, -5, 17, "17", 10**40, float("nan"), float("inf"), "99999999999", "2026-01-02 12:00:00",
     "1999-01-01 00:00:00 UTC", 500_000_000, "2026-01-02 12:00:00 +9900", b"2026-01-02T12:00:00Z"],
)  # fmt: skip
def test_it_refuses_what_is_no_time(value):
    with pytest.raises(TimeRefused):
        parse_vendor_time(value)


def test_it_writes_utc_with_milliseconds():
    assert format_time(datetime(2026, 1, 2, 13, 0, 0, 123999, tzinfo=timezone(timedelta(hours=1)))) == (
        "2026-01-02T12:00:00.123Z"
    )
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2026, 1, 2))


moments = st.datetimes(datetime(2000, 1, 2), datetime(2100, 12, 30), timezones=st.timezones())


@given(moments)
def test_what_is_written_is_read_back_to_the_millisecond(at):
    assert abs(parse_time(format_time(at)) - at) < timedelta(milliseconds=1)
    assert parse_vendor_time(at.isoformat()) == at.astimezone(UTC)


@given(st.text() | st.text(alphabet="0123456789-:TZ+. ", max_size=35))
def test_any_text_is_read_or_refused(text):
    for parse in (parse_time, parse_vendor_time):
        try:
            at = parse(text)
        except TimeRefused:
            continue
        assert at is None or 2000 <= at.year <= 2100
