"""What was exported as JSON can be read back, and what is not a summary is refused with the field's name."""

import dataclasses
import json as plain_json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.exports import json
from reports.exports.record import Record, RecordError, from_plain, to_plain
from tests.reports.records import empty, rolled_back

moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
st.register_type_strategy(datetime, moments)
st.register_type_strategy(date, st.dates(date(1990, 1, 1), date(2100, 1, 1)))
st.register_type_strategy(str, text)


@given(st.from_type(Record))
@settings(max_examples=60, deadline=None)
def test_reading_an_export_gives_the_same_record(record):
    assert json.read(json.export(record)) == record
    assert json.export(json.read(json.export(record))) == json.export(record)


@pytest.mark.parametrize("record", [rolled_back(), empty()])
def test_plain_data_gives_the_same_record(record):
    assert from_plain(plain_json.loads(plain_json.dumps(to_plain(record)))) == record


def test_times_keep_their_instant_to_the_microsecond():
    at = datetime(2026, 3, 1, 1, 2, 3, 456_789, tzinfo=UTC)
    record = dataclasses.replace(empty(), implementation=dataclasses.replace(empty().implementation, start_time=at))
    assert json.read(json.export(record)).implementation.start_time - at == timedelta(0)


def broken(path, value):
    plain = plain_json.loads(json.export(rolled_back()))
    place = plain
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("schema_version",), 4, "schema_version must be 3"),
        (("project",), KeyError, "/project is missing"),
        (("extra",), 1, "/extra is unknown"),
        (("project",), 5, "/project must be a str"),
        (("implementation", "issues"), True, "/implementation/issues must be a int"),
        (("implementation", "start_time"), "noon", "/implementation/start_time must be a datetime in ISO 8601"),
        (("implementation", "start_time"), "2026-01-01T00:00:00", "/implementation/start_time must carry its offset"),
        (("date",), None, "/date must be a date"),
        (("timeline",), {}, "/timeline must be a list"),
        (("timeline", 0), [], "/timeline/0 must be an object"),
        (("changes", "configuration", 1, "purpose"), None, "/changes/configuration/1/purpose must be a str"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(path, value, complaint):
    with pytest.raises(RecordError, match=complaint):
        from_plain(broken(path, value))


@pytest.mark.parametrize(("version", "without"), [(1, ("blame", "rulings")), (2, ("rulings",))])
def test_a_summary_that_was_written_before_the_verdict_had_so_much_can_still_be_read(version, without):
    old = to_plain(rolled_back()) | {"schema_version": version}
    for name in without:
        del old["verdict"][name]
    record = from_plain(old)
    assert record.verdict == dataclasses.replace(rolled_back().verdict, **dict.fromkeys(without, ()))
    assert from_plain(to_plain(record)) == record


@pytest.mark.parametrize("version", [True, "3", 0, -1, 3.0, None, [3]])
def test_a_version_that_never_was_is_refused(version):
    with pytest.raises(RecordError, match="schema_version must be 3"):
        from_plain(to_plain(empty()) | {"schema_version": version})


@pytest.mark.parametrize("verdict", [None, [], "x"])
def test_an_old_summary_without_a_verdict_is_refused_by_name(verdict):
    with pytest.raises(RecordError, match="/verdict must be an object"):
        from_plain(to_plain(empty()) | {"schema_version": 1, "verdict": verdict})


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "null", "[" * 100_000])
def test_what_is_no_summary_is_refused(text):
    with pytest.raises(RecordError):
        json.read(text)
