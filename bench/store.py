"""The store of samples: python -m bench.store [millions of samples, 50 without it]

580 series with a sample every 10 s, latencies in milliseconds with three decimals, go through `store.append` a tick at
a time, and through compaction as often as its sweep would fold them: the log every ten minutes of samples, hours and
days when they are over. Measured after the first day (5 million) and at the end: reads of a day, bytes on disk with
indexes, roll-ups and all, CPU seconds of compaction, ours and PostgreSQL's; and beside them the first day as plain rows
with an index. Commits do not wait for the disk, or the disk would be what is timed.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.common import Meter, Servers, finish, milliseconds, percentile, running_seconds, servers, table

SERIES, TICK_US, DAY_US = 580, 10_000_000, 86_400_000_000
TICKS = DAY_US // TICK_US
FOLDED_EVERY = 60  # ticks: ten minutes
LOST = 0.001
FIRST_DAY = datetime(2026, 9, 1, tzinfo=UTC)
#: Each read is timed in so many rounds; the one that other work on the machine disturbed least is told.
ROUNDS, REPEATS = 20, 40
QUANTILES = [0.5, 0.95, 0.99]
GOALS = {"bytes_per_sample": 3.0, "compact_cpu_s_per_million": 1.0, "day_read_p95_ms": 1.5, "flatness": 1.5}


def main() -> None:
    """Load, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("millions", type=float, nargs="?", default=50.0)
    wanted = parser.parse_args()
    with servers() as started:
        Bench(started, days=max(round(wanted.millions * 1e6 / SERIES / TICKS), 2)).run()


@dataclass
class Bench:
    """One run on servers of its own."""

    servers: Servers
    days: int
    samples: int = 0
    append_seconds: float = 0.0
    compact_seconds: float = 0.0
    compact_cpu: float = 0.0
    reads: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)

    def run(self) -> None:
        """Load day after day, measure after the first and after the last."""
        self.world = World()
        whole = Meter(self.servers.pids)
        for number in range(self.days):
            times, values, kept = self.world.day(number)
            if number == 0:
                rows = self.world.as_rows(times, values, kept)
            with whole:
                self.load(number, times, values, kept)
            if number == 0:
                self.reads["small"] = self.world.measure(1)
                small = self.samples
        self.world.sql("VACUUM ANALYZE")
        self.reads["large"] = self.world.measure(self.days)
        tell(self, whole, rows, small, self.world.size())

    def load(self, number: int, times: Any, values: Any, kept: Any) -> None:
        """Append one day tick by tick and fold it as it grows."""
        from monitoring import store

        world, start = self.world, world_start(number)
        for tick in range(TICKS):
            here = kept[tick]
            began = time.perf_counter()
            store.append(world.ids[here], times[tick][here], values[tick][here])
            self.append_seconds += time.perf_counter() - began
            self.samples += int(here.sum())
            if tick % FOLDED_EVERY == FOLDED_EVERY - 1:
                self.fold(start + (tick + 1) * TICK_US)
        self.fold(start + DAY_US + 16 * 60 * 1_000_000)

    def fold(self, now_us: int) -> None:
        """What the sweep does, at that time."""
        from monitoring import store
        from monitoring.store import compaction

        compaction.now_us = lambda: now_us
        began, cpu = time.perf_counter(), time.process_time() + running_seconds(self.world.backend)
        compaction.fold_log(at_once=True)
        store.compact(limit=64)
        self.compact_seconds += time.perf_counter() - began
        self.compact_cpu += time.process_time() + running_seconds(self.world.backend) - cpu


def world_start(number: int) -> int:
    """When a day begins, in microseconds since 1970."""
    return int(FIRST_DAY.timestamp() * 1e6) + number * DAY_US


class World:
    """The series, what they measure, and what is asked of them."""

    def __init__(self) -> None:
        from deployments.models import Environment, Project
        from monitoring.models import Metric, Series

        project = Project.objects.create(name="Bench", slug="bench")
        environment = Environment.objects.create(project=project, name="production")
        metric = Metric.objects.create(project=project, key="latency", name="Latency")
        Series.objects.bulk_create(
            Series(environment=environment, metric=metric, labels={"path": str(n)}, labels_digest=str(n))
            for n in range(SERIES)
        )
        self.ids = np.array(sorted(Series.objects.values_list("pk", flat=True)), np.int64)
        self.random = np.random.default_rng(20261124)
        self.base = np.exp(self.random.uniform(np.log(20), np.log(500), SERIES))
        self.offset = self.random.integers(0, 10_000, SERIES) * 1000
        self.backend = int(self.sql("SELECT pg_backend_pid()")[0][0])
        self.sql("SET synchronous_commit = off")

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def day(self, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Times, values and which are there, by tick and series: a rhythm of the day, noise, a few that took long."""
        ticks = np.arange(TICKS)[:, None]
        times = world_start(number) + ticks * TICK_US + self.offset
        rhythm = 1 + 0.2 * np.sin(ticks / TICKS * 2 * np.pi)
        noise = np.exp(self.random.normal(0, 0.15, (TICKS, SERIES)))
        slow = np.where(self.random.random((TICKS, SERIES)) < 0.001, 8.0, 1.0)
        values = np.round(self.base * rhythm * noise * slow, 3)
        return times, values, self.random.random((TICKS, SERIES)) >= LOST

    def as_rows(self, times: Any, values: Any, kept: Any) -> dict[str, float]:
        """The same day as rows with an index: bytes of a sample, CPU of a million, p50 and p95 of reading a day."""
        from monitoring.store import postgres

        self.sql("CREATE TABLE plain (series_id bigint, at timestamptz, value float8)")
        self.sql("CREATE INDEX ON plain (series_id, at)")
        layout = [("n", ">i2"), ("a", ">i4"), ("s", ">i8"), ("b", ">i4"), ("t", ">i8"), ("c", ">i4"), ("v", ">f8")]
        began = time.process_time() + running_seconds(self.backend)
        for first in range(0, TICKS, 100):
            here = kept[first : first + 100]
            rows = np.zeros(int(here.sum()), np.dtype(layout))
            rows["n"], rows["a"], rows["b"], rows["c"] = 3, 8, 8, 8
            rows["s"] = np.broadcast_to(self.ids, here.shape)[here]
            rows["t"] = times[first : first + 100][here] - 946_684_800_000_000
            rows["v"] = values[first : first + 100][here]
            copy_rows(rows.tobytes(), postgres)
        cpu = time.process_time() + running_seconds(self.backend) - began
        self.sql("VACUUM ANALYZE plain")
        taken = milliseconds(lambda: self.read_rows(int(self.random.choice(self.ids))), REPEATS)
        size = self.sql("SELECT pg_total_relation_size('plain')")[0][0]
        self.sql("DROP TABLE plain")
        count = int(kept.sum())
        return {
            "bytes": size / count,
            "cpu": cpu / count * 1e6,
            "p50": percentile(taken, 0.5),
            "p95": percentile(taken, 0.95),
        }

    def read_rows(self, series: int) -> Any:
        """A day of one series out of the rows, as floats."""
        found = self.sql(
            "SELECT extract(epoch FROM at)::float8, value FROM plain WHERE series_id = %s AND at >= %s AND at < %s"
            " ORDER BY at",
            series,
            FIRST_DAY,
            FIRST_DAY + timedelta(days=1),
        )
        return np.array(found)

    def measure(self, days: int) -> dict[str, tuple[float, float]]:
        """Milliseconds (p50, p95) of each kind of read, of any series and any of the days."""
        import orjson

        from monitoring import store

        def anywhere(read: Callable[[int, datetime, datetime], Any]) -> tuple[float, float]:
            def one() -> Any:
                start = FIRST_DAY + timedelta(days=int(self.random.integers(days)))
                return read(int(self.random.choice(self.ids)), start, start + timedelta(days=1))

            rounds = [milliseconds(one, REPEATS) for _ in range(ROUNDS)]
            quietest = min(rounds, key=lambda taken: percentile(taken, 0.95))
            return percentile(quietest, 0.5), percentile(quietest, 0.95)

        def chart(series: int, start: datetime, end: datetime) -> bytes:
            found = store.rollups([series], start, end, step=timedelta(minutes=1))[series]
            columns = [found.starts, found.least, found.total / found.count, found.greatest]
            return orjson.dumps(columns, option=orjson.OPT_SERIALIZE_NUMPY)

        return {
            "day": anywhere(lambda series, start, end: store.read([series], start, end)),
            "chart": anywhere(chart),
            "percentiles": anywhere(lambda series, start, end: store.percentiles([series], start, end, QUANTILES)),
            "week": anywhere(
                lambda series, start, _: store.rollups(
                    [series], start, start + timedelta(days=7), step=timedelta(hours=1)
                )
            ),
        }

    def size(self) -> dict[str, int]:
        """Bytes by tier."""
        from monitoring import store

        return store.figures().bytes_by_tier


def copy_rows(rows: bytes, postgres: Any) -> None:
    """Insert rows of `plain` by COPY."""
    import io

    from django.db import connection

    with connection.cursor() as cursor:
        body = io.BytesIO(postgres.HEADER + rows + postgres.TRAILER)
        cursor.copy_expert("COPY plain FROM STDIN (FORMAT binary)", body)


def tell(bench: Bench, whole: Meter, rows: dict[str, float], small: int, size: dict[str, int]) -> None:
    """Say what was found."""
    large, first = bench.reads["large"], bench.reads["small"]
    millions = bench.samples / 1e6
    background = whole.cpu_seconds - bench.compact_cpu
    numbers = {
        "bytes_per_sample": round(sum(size.values()) / bench.samples, 3),
        "compact_cpu_s_per_million": round(bench.compact_cpu / millions, 3),
        "day_read_p95_ms": round(large["day"][1], 3),
        "flatness": round(large["day"][0] / first["day"][0], 3),
        "chart_p95_ms": round(large["chart"][1], 3),
        "percentiles_p95_ms": round(large["percentiles"][1], 3),
        "samples": bench.samples,
        "vs_rows_bytes": round(rows["bytes"] / (sum(size.values()) / bench.samples), 1),
        "vs_rows_day_read": round(rows["p50"] / large["day"][0], 1),
        "append_and_background_cpu_s_per_million": round(background / millions, 3),
    }
    lines = [
        ("bytes of a sample, all in", f"{numbers['bytes_per_sample']:.2f}", f"{rows['bytes']:.1f}", "3"),
        ("CPU s per million: compaction", f"{numbers['compact_cpu_s_per_million']:.2f}", "", "1"),
        (
            "CPU s per million: appending, and all background",
            f"{background / millions:.2f}",
            f"{rows['cpu']:.2f}",
            "",
        ),
        ("a day as floats, ms", both(large["day"]), f"{rows['p50']:.2f} / {rows['p95']:.2f}", "1.5"),
        ("a day as a chart of 1440 points in JSON, ms", both(large["chart"]), "", "2"),
        ("p50, p95, p99 of a day, ms", both(large["percentiles"]), "", "1"),
        ("a week by the hour, ms", both(large["week"]), "", ""),
        (f"a day as floats at {small / 1e6:.1f} M samples, ms", both(first["day"]), "", ""),
        (f"flatness, {millions:.1f} M against {small / 1e6:.1f} M (p50)", f"{numbers['flatness']:.2f}", "", "1.5"),
    ]
    tiers = ", ".join(f"{name} {bytes_ / 1e6:.1f} MB" for name, bytes_ in size.items())
    text = (
        f"{millions:.1f} million samples of {SERIES} series, one every 10 s, latencies with three decimals, appended a"
        f" tick at a time in {bench.append_seconds:.0f} s and folded every ten minutes of samples in"
        f" {bench.compact_seconds:.0f} s. Times are p50 / p95, of the quietest of"
        f" {ROUNDS} rounds.\n\n" + table(["", "store", "rows with an index", "goal"], lines) + f"\n\nOn disk: {tiers}."
    )
    finish("store", "The store of samples", text, numbers)


def both(times: tuple[float, float]) -> str:
    """P50 and p95."""
    return f"{times[0]:.2f} / {times[1]:.2f}"


if __name__ == "__main__":
    main()
