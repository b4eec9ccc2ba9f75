"""Two workers poll 500 checks every 10 s for a while; nothing may grow, drift or get lost.

    python -m bench.soak          # ten minutes
    python -m bench.soak 7200     # two hours

Ends with one line of JSON and exit code 1 if something grew, drifted or is missing.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import Servers, machine, rss_mb, servers, table, write_section
from bench.polling import Scenario, make_checks, targets

CHECKS, INTERVAL_SECONDS, WORKERS = 500, 10, 2
LOOK_SECONDS = 5.0
#: What a worker may gain in an hour once it is warm; the noise of ten minutes is some MB.
MOST_MB_PER_HOUR = 30.0


@dataclass
class Looks:
    """What was seen of the processes at each look, in columns."""

    times: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    clients: list[int] = field(default_factory=list)

    def take(self, pids: list[int], redis_client: Any) -> None:
        """Look once."""
        self.times.append(time.monotonic())
        self.rss.append(rss_mb(pids))
        self.files.append(sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids))
        self.clients.append(len(redis_client.client_list()))

    def slope_per_hour(self, column: list[Any]) -> float:
        """How much a column grows in an hour, by a line through its second half: the first is warming up."""
        half = len(column) // 2
        return float(np.polyfit(self.times[half:], column[half:], 1)[0] * 3600) if len(column) - half > 2 else 0.0


def soak(started: Servers, seconds: float) -> dict[str, Any]:
    """Poll for so long and say what grew, drifted or is missing."""
    import redis

    scenario = Scenario("soak", "", CHECKS, INTERVAL_SECONDS)
    make_checks(scenario)
    environment = started.environment | {"PROBE_NETWORKS": "127.0.0.0/8", "CELERY_SKIP_CHECKS": "1"}
    processes = [_celery(environment, "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile", "")]
    workers = [
        _celery(
            environment, "worker", "--queues", "polls,flow", "--pool", "threads", "--concurrency", "4", "-n", f"w{n}"
        )
        for n in range(WORKERS)
    ]
    processes += workers
    looks, client = Looks(), redis.Redis.from_url(started.redis_url)
    try:
        began_at, ends_at = time.time() + 30, time.monotonic() + 30 + seconds
        while time.monotonic() < ends_at:
            time.sleep(LOOK_SECONDS)
            looks.take([worker.pid for worker in workers], client)
        time.sleep(3)
        found = _ledger(began_at, began_at + seconds - 5)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)
    half = len(looks.times) // 2
    return found | {
        "seconds": seconds,
        "rss_mb": round(looks.rss[-1], 1),
        "rss_mb_per_hour": round(looks.slope_per_hour(looks.rss), 1),
        "files": [looks.files[half], looks.files[-1]],
        "redis_clients": [looks.clients[half], looks.clients[-1]],
    }


def _celery(environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    plain = ("--without-gossip", "--without-mingle") if arguments[0] == "worker" else ()
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "postdeploy", *arguments, *plain, "--loglevel", "error"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def _ledger(since: float, until: float) -> dict[str, Any]:
    """Slots between two times that were not read, or read twice, and how late probes were."""
    from datetime import UTC, datetime

    from monitoring import store
    from monitoring.models import HealthCheck, Outage, Prober, Series
    from monitoring.polling import grid

    series = dict(Series.objects.filter(aspect="up").values_list("health_check_id", "pk"))
    read = store.read(
        list(series.values()), datetime.fromtimestamp(since - 60, UTC), datetime.fromtimestamp(until + 60, UTC)
    )
    missing = 0
    for pk in HealthCheck.objects.values_list("pk", flat=True):
        slots = {round(at * grid.SECOND) for at in read[series[pk]].times} if pk in series else set()
        due = grid.next_slot(grid.phase_of(pk), INTERVAL_SECONDS * grid.SECOND, int(since * grid.SECOND))
        while due < until * grid.SECOND:
            missing += due not in slots
            due += INTERVAL_SECONDS * grid.SECOND
    late = [p99 for p99 in Prober.objects.values_list("lateness_p99_ms", flat=True) if p99 is not None]
    return {"missing": missing, "outages": Outage.objects.count(), "lateness_p99_ms": round(max(late, default=0.0), 1)}


def faults(found: dict[str, Any]) -> list[str]:
    """What is not as it should be."""
    wrong = [f"{found['missing']} readings are missing"] if found["missing"] else []
    if found["outages"]:
        wrong.append(f"{found['outages']} outages of targets that were well")
    if found["rss_mb_per_hour"] > MOST_MB_PER_HOUR:
        wrong.append(f"the workers gain {found['rss_mb_per_hour']} MB an hour")
    if found["files"][1] > found["files"][0] + 20:
        wrong.append(f"open files grew from {found['files'][0]} to {found['files'][1]}")
    if found["redis_clients"][1] > found["redis_clients"][0] + 3:
        wrong.append(f"clients of the broker grew from {found['redis_clients'][0]} to {found['redis_clients'][1]}")
    if found["lateness_p99_ms"] > 1000:
        wrong.append(f"probes are up to {found['lateness_p99_ms']} ms late")
    return wrong


def main() -> int:
    """Soak, print what was found, and say whether it is well."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    with servers() as started, targets(started.directory):
        os.environ["SSL_CERT_FILE"] = str(started.directory / "ca.pem")
        found = soak(started, seconds)
    wrong = faults(found)
    rows = [(name, value) for name, value in found.items()]
    text = (
        f"{WORKERS} workers poll {CHECKS} checks every {INTERVAL_SECONDS} s for {seconds / 60:.0f} minutes.\n\n"
        f"{table(('what', 'found'), rows)}\n\n{'; '.join(wrong) or 'Nothing grew, drifted or is missing.'}"
    )
    print(text, machine(), sep="\n\n")
    write_section("soak", f"## Soak\n\n{text}\n\n{machine()} `python -m bench.soak`")
    print(json.dumps(found | {"faults": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
