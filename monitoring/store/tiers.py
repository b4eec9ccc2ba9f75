"""The tiers of roll-ups: by the hour for every day that is over, by the minute for days whose samples are gone."""

from collections.abc import Collection, Mapping
from typing import Final

from monitoring.store import postgres
from monitoring.store.columns import Line
from monitoring.store.rollcodec import NOT_ROLLED, Rolled, pack_rolled, rolled, unpack_rolled, with_late

MINUTES, HOURS = "monitoring_minuterollup", "monitoring_hourrollup"
STEPS: Final = {MINUTES: 60, HOURS: 3600}
_ROW = [("series_id", "int8"), ("day", "int4")]


def days_without_samples(series: Collection[int], day: int) -> set[int]:
    """Return those of `series` of which only roll-ups are left of that day."""
    rows = postgres.run(
        "SELECT series_id FROM monitoring_minuterollup WHERE series_id = ANY(%s::bigint[]) AND day = %s",
        [list(series), day],
    )
    return {number for (number,) in rows}


def replace_hours(day: int, of: Mapping[int, Line]) -> None:
    """Write the roll-ups by the hour of these series' whole day."""
    replace(HOURS, day, {series: rolled(*line, STEPS[HOURS]) for series, line in of.items()})


def add_late(day: int, of: Mapping[int, Line]) -> None:
    """Add samples that came after those of their day were forgotten, where there is nothing in their minute or hour."""
    for table, step in STEPS.items():
        known = read(table, list(of), day, day)
        replace(
            table,
            day,
            {
                series: with_late(known.get((series, day), NOT_ROLLED), rolled(*line, step))
                for series, line in of.items()
            },
        )


def replace(table: str, day: int, new: Mapping[int, Rolled]) -> None:
    """Write roll-ups of a day in place of those that are there."""
    if new:
        postgres.run(f"DELETE FROM {table} WHERE series_id = ANY(%s::bigint[]) AND day = %s", [list(new), day])  # noqa: S608
        postgres.put(table, _ROW, ((series, day, pack_rolled(sums)) for series, sums in new.items()))


def read(table: str, series: Collection[int], first_day: int, last_day: int) -> dict[tuple[int, int], Rolled]:
    """Return the roll-ups of one tier by series and day."""
    rows = postgres.rows(
        f"SELECT 0::bigint, series_id, day::bigint, body FROM {table}"  # noqa: S608
        " WHERE series_id = ANY(%(series)s::bigint[]) AND day BETWEEN %(first)s AND %(last)s",
        {"series": list(series), "first": first_day, "last": last_day},
    )
    return {(owner, day): unpack_rolled(body) for _, owner, day, body in rows}
