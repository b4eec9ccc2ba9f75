"""What taking samples in costs: through the real view, beside PostgreSQL's own COPY and beside REST framework.

    python -m bench.ingest            # three minutes

Everything runs at once on this machine: granian as `manage.py up` starts it, PostgreSQL with its log on disk, and the
sender, a process with one epoll loop over keep-alive connections that sends prepared bytes (its share of a processor is
told: it is part of what is measured, on each side). Each request has a token, each batch its own Idempotency-Key, and
each is committed before its answer. The sides take turns, and the medians of the rounds are compared. REST framework
runs in the same set-up, behind the same middleware and the same sign-in; it knows no keys, so our single samples have
none either.
"""

import contextlib
import io
import itertools
import multiprocessing
import os
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson

from bench.common import ROOT, Meter, Servers, finish, percentile, servers, table

BATCH, SERIES = 1000, 100
CONNECTIONS, MANY_CONNECTIONS = 8, 64
SECONDS, ROUNDS = 5.0, 3
PORT, REST_PORT = 8481, 8482
BODIES = 40


# --- the sender -------------------------------------------------------------------------------------------------------


@dataclass
class Answered:
    """What came back: requests a second, latencies in milliseconds ascending, and the sender's share of a core."""

    per_second: float
    latencies_ms: list[float]
    sender_share: float


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = b""
        self.began = 0.0

    def send(self, request: bytes) -> None:
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def take(self) -> bool:
        """Read; tell whether the answer is complete."""
        self.waiting += self.socket.recv(65536)
        head, end, body = self.waiting.partition(b"\r\n\r\n")
        if not end:
            return False
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) < length:
            return False
        assert head[9:12] in (b"201", b"202"), self.waiting[:500]
        self.waiting = b""
        return True


def send(port: int, heads: Sequence[bytes], bodies: Sequence[bytes], connections: int, seconds: float) -> Answered:
    """Keep `connections` busy for `seconds`; the first tenth does not count."""
    selector = selectors.EpollSelector()
    numbers = itertools.count()
    run = os.urandom(4).hex().encode()

    def next_request() -> bytes:
        number = next(numbers)
        body = bodies[number % len(bodies)]
        head = heads[number % len(heads)]
        return head % {b"key": b"%s-%d" % (run, number), b"length": len(body)} + body

    for _ in range(connections):
        made = _Connection(port)
        selector.register(made.socket, selectors.EVENT_READ, made)
        made.send(next_request())
    began, cpu = time.perf_counter(), time.process_time()
    counts_from, ends_at = began + seconds / 10, began + seconds
    latencies: list[float] = []
    while (now := time.perf_counter()) < ends_at:
        for key, _ in selector.select(1.0):
            connection: _Connection = key.data
            if connection.take():
                if now > counts_from:
                    latencies.append((time.perf_counter() - connection.began) * 1e3)
                connection.send(next_request())
    share = (time.process_time() - cpu) / (time.perf_counter() - began)
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    return Answered(len(latencies) / (seconds * 0.9), sorted(latencies), share)


def sent(*arguments: Any) -> Answered:
    """Run `send` in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(send, arguments)


# --- the sides --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def web(started: Servers, port: int, application: str) -> Iterator[int]:
    """Run granian as `manage.py up` does."""
    from postdeploy.management.commands.up import web_arguments

    arguments = web_arguments("127.0.0.1", port)
    arguments[-1] = application
    address = f"127.0.0.1:{port}"
    environment = {**started.environment, "BIND": address, "SITE_URL": f"http://{address}"}
    log = (started.directory / f"web-{port}.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        _wait_for(port, started)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, started: Servers) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return
        time.sleep(0.1)
    raise SystemExit((started.directory / f"web-{port}.log").read_text())


def copied(started: Servers, connections: int, seconds: float) -> float:
    """Samples a second of binary COPY into a table without an index, in batches of as many, each committed."""
    import psycopg2

    row = np.dtype([("f", ">i2"), ("a", ">i4"), ("s", ">i8"), ("b", ">i4"), ("t", ">i8"), ("c", ">i4"), ("v", ">f8")])
    rows = np.zeros(BATCH, row)
    rows["f"], rows["a"], rows["b"], rows["c"] = 3, 8, 8, 8
    rows["s"] = np.arange(BATCH) % SERIES
    rows["t"] = 8 * 10**14 + np.arange(BATCH) * 10**6
    rows["v"] = np.random.default_rng(1).normal(size=BATCH)
    body = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8 + rows.tobytes() + b"\xff\xff"
    counts = [0] * connections
    ends_at = time.perf_counter() + seconds

    def work(place: int) -> None:
        connection = psycopg2.connect(started.database_url)
        with connection.cursor() as cursor:
            while time.perf_counter() < ends_at:
                cursor.copy_expert("COPY bench_copy FROM STDIN (FORMAT binary)", io.BytesIO(body))
                connection.commit()
                counts[place] += BATCH
        connection.close()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def head(path: str, token: str, *, is_keyed: bool = False) -> bytes:
    """The lines before a body, with places for its length and, if it has one, its key."""
    key = b'Idempotency-Key: "%(key)s"\r\n' if is_keyed else b""
    lines = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    return lines + key + b"Content-Length: %(length)d\r\n\r\n"


def columns(number: int, count: int) -> bytes:
    """A batch in the compact shape."""
    first = int((datetime.now(UTC) - timedelta(days=1)).timestamp() * 1000) + number * 60_000
    values = np.round(np.random.default_rng(number).lognormal(5, 0.4, count), 3).tolist()
    return orjson.dumps(
        {
            "environment": "production",
            "series": [
                {"metric": "response_time", "labels": {"host": f"web-{host}"}} for host in range(min(SERIES, count))
            ],
            "of": [place % SERIES for place in range(count)],
            "at": [first + place // SERIES * 1000 for place in range(count)],
            "value": values,
        }
    )


def rows(number: int, count: int) -> bytes:
    """The same batch as REST framework's serializer wants it."""
    first = datetime.now(UTC) - timedelta(days=1)
    values = np.round(np.random.default_rng(number).lognormal(5, 0.4, count), 3).tolist()
    made = [
        {"series_id": place % SERIES, "at": (first + timedelta(seconds=place)).isoformat(), "value": value}
        for place, value in enumerate(values)
    ]
    return orjson.dumps(made if count > 1 else made[0])


def world() -> str:
    """Make a project with a token, and the tables of the other sides; return the token."""
    from django.db import connection

    from deployments.models import Environment, Project
    from deployments.services import create_token

    project = Project.objects.create(name="Bench", slug="bench", issue_prefix="BENCH")
    Environment.objects.create(project=project, name="production")
    _, token = create_token(
        project=project,
        name="bench",
        scopes=["metrics:write"],
        expires_in=None,
        created_by=None,
        now=datetime.now(UTC),
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_copy (series_id bigint, at timestamptz, value float8)")
        cursor.execute(
            "CREATE TABLE bench_sample (id bigserial PRIMARY KEY, series_id bigint NOT NULL, at timestamptz NOT NULL,"
            " value float8 NOT NULL)"
        )
        cursor.execute("CREATE INDEX ON bench_sample (series_id, at)")
    return token


@dataclass
class Side:
    """One side of a comparison and what its rounds gave, as samples a second."""

    words: str
    work: Callable[[], float]
    rates: list[float]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rates)


def main() -> None:
    """Measure, print, write."""
    with servers() as started:
        token = world()
        keyed = head("/api/v1/metrics", token, is_keyed=True)
        ours, rest = head("/api/v1/metrics", token), head("/api/v1/bench/samples", token)
        batches, single = [columns(n, BATCH) for n in range(BODIES)], [columns(n, 1) for n in range(BODIES)]
        rest_batches, rest_single = [rows(n, BATCH) for n in range(BODIES)], [rows(n, 1) for n in range(BODIES)]
        shares: list[float] = []

        def through(port: int, lines: bytes, bodies: list[bytes], size: int) -> float:
            answered = sent(port, [lines], bodies, CONNECTIONS, SECONDS)
            shares.append(answered.sender_share)
            return answered.per_second * size

        with (
            web(started, PORT, "postdeploy.wsgi:application") as pid,
            web(started, REST_PORT, "bench.rest:application"),
        ):
            sides = {
                "copy": Side("binary COPY, no index", lambda: copied(started, CONNECTIONS, SECONDS), []),
                "batch": Side("ours, batches of 1000", lambda: through(PORT, keyed, batches, BATCH), []),
                "rest": Side("REST framework", lambda: through(REST_PORT, rest, rest_batches, BATCH), []),
                "single": Side("ours, single samples", lambda: through(PORT, ours, single, 1), []),
                "rest_single": Side("REST framework, single", lambda: through(REST_PORT, rest, rest_single, 1), []),
            }
            for _ in range(ROUNDS):
                for side in sides.values():
                    side.rates.append(side.work())
            with Meter([pid, *started.pids], with_self=False) as meter:
                answered = sent(PORT, [keyed], batches, CONNECTIONS, SECONDS)
            cpu = meter.cpu_seconds / (answered.per_second * BATCH * SECONDS) * 1e6
            worst = sent(PORT, [ours], single, MANY_CONNECTIONS, SECONDS)
    tell(sides, worst, cpu, max(shares))


def tell(sides: dict[str, Side], worst: Answered, cpu: float, share: float) -> None:
    """Print and keep what was found."""
    numbers = {
        "batch.vs_copy": round(sides["batch"].median / sides["copy"].median, 3),
        "batch.vs_drf": round(sides["batch"].median / sides["rest"].median, 1),
        "single.vs_drf": round(sides["single"].median / sides["rest_single"].median, 2),
        "worst_ms": round(worst.latencies_ms[-1], 1),
    }
    lines = [
        [side.words, f"{side.median:,.0f}", f"{min(side.rates):,.0f} to {max(side.rates):,.0f}"]
        for side in sides.values()
    ]
    p50, p99 = percentile(worst.latencies_ms, 0.5), percentile(worst.latencies_ms, 0.99)
    markdown = "\n\n".join(
        [
            "Samples a second, each request committed before its answer, 8 connections; medians and range of three"
            " rounds in which the sides took turns. Ours is the real view: token, limits, each batch with an"
            " Idempotency-Key.",
            table(["side", "samples/s", "rounds"], lines),
            f"A batch of 1000 is **{numbers['batch.vs_copy']:.2f}** of COPY and **{numbers['batch.vs_drf']:.0f} times**"
            f" REST framework with `many=True` and `bulk_create`; a single sample {numbers['single.vs_drf']:.1f} times."
            f" {cpu:.2f} seconds of CPU per million samples, PostgreSQL included. With {MANY_CONNECTIONS} connections"
            f" that send single samples without a pause: {worst.per_second:,.0f} requests a second, {p50:.0f} ms at the"
            f" median, {p99:.0f} ms for 99 of 100, **{numbers['worst_ms']:.0f} ms** at worst."
            f" The sender itself took at most {share:.2f} of a processor.",
        ]
    )
    finish("ingest", "Taking samples in", markdown, numbers)


if __name__ == "__main__":
    main()
