"""What a probe costs, all in: claim, probe, judge, change state, store. Beside blackbox_exporter and Prometheus.

    python -m bench.polling        # five minutes; needs Debian's nginx-light, prometheus, prometheus-blackbox-exporter

The targets are an nginx on loopback. Each scenario runs in a process of its own, as one worker process would: seconds
of CPU are its own and PostgreSQL's, its memory is the peak of that process while it polls. blackbox and Prometheus run
on one processor's worth of threads, with the same targets, in the same run. With ONLY="new slow" in the environment
only these are measured, and nothing is written.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.common import Meter, finish, servers, table

PORT, TLS_PORT, SLOW_PORT, BLACKBOX_PORT, PROMETHEUS_PORT = 8491, 8492, 8493, 8494, 8495
BODY = '{"status":"ok","database":{"ok":true},"version":"1.2.3"}'
#: Loopback has many addresses: connections are kept as they would be to as many hosts.
HOSTS = 250
ADDRESSES = tuple(f"127.0.1.{n + 1}" for n in range(HOSTS))
SECONDS, WARM_SECONDS = 10.0, 4.0


@dataclass(frozen=True)
class Scenario:
    """So many checks at one interval, and how they are asked."""

    name: str
    words: str
    checks: int
    interval_seconds: int
    is_fresh: bool = False
    is_tls: bool = False
    is_slow: bool = False
    seconds: float = SECONDS
    warm_seconds: float = WARM_SECONDS

    @property
    def target(self) -> tuple[str, int, str]:
        """Scheme, port and path of what is asked."""
        if self.is_slow:
            return "http", SLOW_PORT, "slow"
        return ("https", TLS_PORT, "ok") if self.is_tls else ("http", PORT, "ok")


SCENARIOS = (
    Scenario("new", "a new connection each", 3000, 1, is_fresh=True),
    Scenario("reuse", "connections kept, a new one every tenth time", 3000, 1),
    Scenario("tls_reuse", "the same over TLS", 1000, 1, is_tls=True),
    Scenario("slow", "1000 at once that answer after 0.2 to 2 s", 1000, 1, is_fresh=True, is_slow=True),
    Scenario("many", "5000 checks every 10 s", 5000, 10, warm_seconds=14.0, seconds=20.0),
)


@dataclass
class Measured:
    """What one scenario took."""

    cpu_s_per_1000: float
    rss_mb: float
    probes_per_second: float
    core_share: float
    lateness_p50_ms: float = 0.0
    lateness_p99_ms: float = 0.0


# --- ours, in a process of its own ------------------------------------------------------------------------------------


def probe(scenario: Scenario, pids: list[int]) -> Measured:
    """Poll for a while, and say what it took."""
    import django

    django.setup()
    import numpy as np

    from monitoring.models import Failure
    from monitoring.polling import Engine

    engine = Engine()
    _run(engine, scenario.warm_seconds)
    engine.counts.lateness_us.clear()
    engine.counts.reported_at = float("inf")  # keep the lateness of the whole run
    before = engine.counts.readings
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on: imports have a higher one
    with Meter(pids) as meter:
        _run(engine, scenario.seconds)
    count = engine.counts.readings - before
    p50, p99 = np.percentile(engine.counts.lateness_us, [50, 99]) / 1000
    peak = _peak_mb(os.getpid())
    engine.hand_over()
    failed = Failure.objects.count()
    assert failed < count / 100, f"{failed} of {count} failed: {Failure.objects.first()}"
    return Measured(
        1000 * meter.cpu_seconds / count, peak, count / meter.seconds, meter.cpu_seconds / meter.seconds, p50, p99
    )


def _run(engine: Any, seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    engine.run(lambda: time.monotonic() >= ends_at)


def make_checks(scenario: Scenario) -> None:
    """Replace all checks by those of a scenario."""
    from deployments.models import Environment, Project
    from monitoring.models import HealthCheck

    HealthCheck.objects.all().delete()
    project, _ = Project.objects.get_or_create(slug="bench", defaults={"name": "Bench", "issue_prefix": "BENCH"})
    environment, _ = Environment.objects.get_or_create(project=project, name="production")
    scheme, port, path = scenario.target
    conditions = 'status in 200-299\nbody contains "ok"'
    HealthCheck.objects.bulk_create(
        HealthCheck(
            environment=environment, name=f"check {n}", interval_seconds=scenario.interval_seconds, extra_at=None,
            target=f"{scheme}://127.0.1.{n % HOSTS + 1}:{port}/{path}/{n % 10}",
            conditions=conditions, is_fresh=scenario.is_fresh, timeout_ms=20_000,
        )
        for n in range(scenario.checks)
    )  # fmt: skip


def measure(scenario: Scenario, started: Any) -> Measured:
    """Run a scenario in a process of its own."""
    make_checks(scenario)
    authorities = str(started.directory / "ca.pem")
    environment = started.environment | {"PROBE_NETWORKS": "127.0.0.0/8", "SSL_CERT_FILE": authorities}
    command = [sys.executable, "-m", "bench.polling", scenario.name, *map(str, started.pids)]
    said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return Measured(**json.loads(said.splitlines()[-1]))


# --- the targets and the peers ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(*command: str | Path, environment: dict[str, str] | None = None) -> Iterator[int]:
    """Run a program meanwhile; its process id."""
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _nginx_configuration(directory: Path) -> Path:
    temporary = " ".join(
        f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    server = (
        f"location /ok/ {{ default_type application/json; return 200 '{BODY}'; }} location /status {{ stub_status; }}"
    )
    secure = "\n".join(
        f"server {{ listen {address}:{TLS_PORT} ssl backlog=8192;"
        f" ssl_certificate {directory}/{address}.pem; ssl_certificate_key {directory}/{address}.key; {server} }}"
        for address in ADDRESSES
    )
    path = directory / "nginx.conf"
    path.write_text(
        f"worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log crit; daemon off;\n"
        "worker_rlimit_nofile 30000; events { worker_connections 12000; multi_accept on; }\n"
        f"http {{ access_log off; {temporary} keepalive_timeout 75s; keepalive_requests 1000000;\n"
        f"server {{ listen {PORT} backlog=8192; {server} }}\n{secure} }}\n"
    )
    return path


def make_certificates(directory: Path) -> None:
    """An authority, and a certificate from it for each address that the bench asks, as hosts have."""
    authority = ("-CA", directory / "ca.pem", "-CAkey", directory / "ca.key")
    _make_certificate(directory / "ca")
    for address in ADDRESSES:
        _make_certificate(directory / address, *authority, "-addext", f"subjectAltName=IP:{address}")


def _make_certificate(path: Path, *options: str | Path) -> None:
    """An elliptic certificate and its key at `path`.pem and `path`.key."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{path}.key")
    names = ("-subj", f"/CN={path.name}", "-days", "30", "-out", f"{path}.pem")
    subprocess.run(["openssl", "req", "-x509", *key, *names, *options], check=True, capture_output=True)


SLOW_SERVER = """
import asyncio, sys
BODY = sys.argv[2].encode()
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(BODY) + BODY
class Slow(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        number = int(data.split(b" ", 2)[1].rsplit(b"/", 1)[1])
        asyncio.get_running_loop().call_later(0.2 + 0.2 * number, self.transport.write, ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Slow, "0.0.0.0", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()
asyncio.run(main())
"""


@contextlib.contextmanager
def targets(directory: Path) -> Iterator[None]:
    """nginx, and behind it a slow server, while the block runs."""
    make_certificates(directory)
    with (
        running(sys.executable, "-c", SLOW_SERVER, str(SLOW_PORT), BODY),
        running("nginx", "-c", _nginx_configuration(directory)),
    ):
        time.sleep(0.5)
        yield


@contextlib.contextmanager
def _blackbox(directory: Path) -> Iterator[int]:
    """blackbox_exporter with a module that asks what our checks ask; its process id."""
    http = {
        "preferred_ip_protocol": "ip4",
        "fail_if_body_not_matches_regexp": ["ok"],
        "tls_config": {"ca_file": str(directory / "ca.pem")},
    }
    configuration = directory / "blackbox.yml"
    configuration.write_text(json.dumps({"modules": {"http": {"timeout": "10s", "prober": "http", "http": http}}}))
    options = (f"--config.file={configuration}", f"--web.listen-address=127.0.0.1:{BLACKBOX_PORT}")
    with running("prometheus-blackbox-exporter", *options, environment={"GOMAXPROCS": "1"}) as pid:
        yield pid


def measure_blackbox(scenario: Scenario, directory: Path, rate_seconds: float) -> Measured:
    """The same probes by blackbox_exporter alone: asked over HTTP as Prometheus would, 100 at a time."""
    from postdeploy.lib.http import Request, fetch_many

    with _blackbox(directory) as pid:
        time.sleep(0.5)
        scheme, port, path = scenario.target
        probe = f"http://127.0.0.1:{BLACKBOX_PORT}/probe?module=http&target={scheme}://127.0.1."
        urls = [f"{probe}{n % HOSTS + 1}:{port}/{path}/{n % 10}" for n in range(min(scenario.checks, 3000))]
        requests = [Request(url=url, timeout_s=30) for url in urls]
        at_once = 1000 if scenario.is_slow else 100
        fetch_many(requests[:200], ["127.0.0.0/8"], None, at_once)
        count = 0
        with Meter([pid], with_self=False) as meter:
            ends_at = time.monotonic() + rate_seconds
            while time.monotonic() < ends_at:
                outcomes = fetch_many(requests, ["127.0.0.0/8"], None, at_once)
                count += sum(o.response is not None and b"probe_success 1" in o.response.body for o in outcomes)
        peak = _peak_mb(pid)
    return Measured(1000 * meter.cpu_seconds / count, peak, count / meter.seconds, meter.cpu_seconds / meter.seconds)


def measure_prometheus(directory: Path, seconds: float) -> Measured:
    """Prometheus with blackbox_exporter: 1000 targets every 2 s, each result stored."""
    hosts = [f"http://127.0.1.{n % HOSTS + 1}:{PORT}/ok/{n}" for n in range(1000)]
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": f"127.0.0.1:{BLACKBOX_PORT}"},
    ]
    job = {
        "job_name": "b", "metrics_path": "/probe", "params": {"module": ["http"]}, "scrape_interval": "2s",
        "scrape_timeout": "2s", "static_configs": [{"targets": hosts}], "relabel_configs": relabel,
    }  # fmt: skip
    (directory / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
    options = (
        f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/tsdb",
        f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}",
    )
    with (
        _blackbox(directory) as blackbox,
        running("prometheus", *options, environment={"GOMAXPROCS": "1"}) as prometheus,
    ):
        time.sleep(8)
        with Meter([blackbox, prometheus], with_self=False) as meter:
            before = _scraped()
            time.sleep(seconds)
            count = _scraped() - before
        peak = _peak_mb(blackbox) + _peak_mb(prometheus)
    return Measured(1000 * meter.cpu_seconds / count, peak, count / meter.seconds, meter.cpu_seconds / meter.seconds)


def _scraped() -> int:
    """How many requests the target has answered: a scrape that ran out of time is no probe."""
    from postdeploy.lib.http import Request, fetch

    answer = fetch(Request(url=f"http://127.0.0.1:{PORT}/status"), ["127.0.0.0/8"]).response
    return int(answer.text.splitlines()[2].split()[2]) if answer else 0


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


# --- the whole --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure everything side by side, print a table and a line of JSON."""
    if len(sys.argv) > 1 and sys.argv[1] in {s.name for s in SCENARIOS}:
        scenario = next(s for s in SCENARIOS if s.name == sys.argv[1])
        print(json.dumps(asdict(probe(scenario, [int(pid) for pid in sys.argv[2:]]))))
        return
    only = os.environ.get("ONLY", "").split()
    ours: dict[str, Measured] = {}
    peers: dict[str, Measured] = {}
    with servers() as started, targets(started.directory):
        for scenario in [s for s in SCENARIOS if not only or s.name in only]:
            ours[scenario.name] = measure(scenario, started)
            print(scenario.name, ours[scenario.name], file=sys.stderr)
        for scenario in [s for s in SCENARIOS[:4] if not only or s.name in only]:
            peers[scenario.name] = measure_blackbox(scenario, started.directory, 6)
            print("blackbox", scenario.name, peers[scenario.name], file=sys.stderr)
        if only:
            return
        prometheus = measure_prometheus(started.directory, 10)
        print("prometheus", prometheus, file=sys.stderr)
    numbers = _numbers(ours, peers, prometheus)
    finish("polling", "Polling", _report(ours, peers, prometheus, numbers), numbers)


def _numbers(ours: dict[str, Measured], peers: dict[str, Measured], prometheus: Measured) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: {
            "cpu_s_per_1000": round(ours[name].cpu_s_per_1000, 4),
            "rss_mb": round(ours[name].rss_mb, 1),
            "vs_blackbox": round(peers[name].cpu_s_per_1000 / ours[name].cpu_s_per_1000, 2),
        }
        for name in peers
    }
    found["new"]["vs_prometheus"] = round(prometheus.cpu_s_per_1000 / ours["new"].cpu_s_per_1000, 2)
    many = ours["many"]
    found["many"] = {"core_share": round(many.core_share, 4), "lateness_p99_ms": round(many.lateness_p99_ms, 1)}
    return found


def _report(
    ours: dict[str, Measured], peers: dict[str, Measured], prometheus: Measured, numbers: dict[str, Any]
) -> str:
    rows = [
        (
            scenario.words, f"{ours[scenario.name].probes_per_second:.0f}", f"{ours[scenario.name].cpu_s_per_1000:.3f}",
            f"{peers[scenario.name].cpu_s_per_1000:.3f}", f"{numbers[scenario.name]['vs_blackbox']:.1f}",
            f"{ours[scenario.name].rss_mb:.0f}", f"{peers[scenario.name].rss_mb:.0f}",
        )
        for scenario in SCENARIOS[:4]
    ]  # fmt: skip
    heads = ("HTTP probes", "a second", "CPU-s per 1000", "blackbox", "times", "MB", "blackbox MB")
    many = ours["many"]
    return (
        "The whole path: a check comes due, is probed, judged, and its samples are committed. CPU is the worker's and"
        " PostgreSQL's; blackbox_exporter does the probe alone and stores nothing.\n\n"
        f"{table(heads, rows)}\n\n"
        f"Prometheus with blackbox_exporter takes {prometheus.cpu_s_per_1000:.3f} CPU-s per 1000 new connections and"
        f" {prometheus.rss_mb:.0f} MB: {numbers['new']['vs_prometheus']:.1f} times as much.\n\n"
        f"5000 checks every 10 s take {100 * many.core_share:.1f} % of one processor in one worker process; a probe"
        f" starts {many.lateness_p50_ms:.0f} ms after its time in the median, and 99 of 100 within"
        f" {many.lateness_p99_ms:.0f} ms. That worker's peak is {many.rss_mb:.0f} MB."
    )


if __name__ == "__main__":
    main()
