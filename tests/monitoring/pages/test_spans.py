"""Two times of an address become a stretch that can be drawn, whatever they are."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.selectors.spans import LONGEST, span_of

NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("times", [(LAST, FIRST), (FIRST, LAST), (FIRST, FIRST), (LAST, LAST)])
def test_times_at_the_ends_of_the_calendar_are_cut_to_what_can_be_looked_at(times):
    span = span_of("3h", *times, now=NOW)
    assert timedelta(0) < span.length <= LONGEST
    assert span.end <= NOW + timedelta(minutes=1)
