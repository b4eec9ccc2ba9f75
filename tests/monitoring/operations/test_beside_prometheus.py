"""The same node_exporter scraped by Debian's Prometheus and by us; and that Prometheus asked by us and by a client."""

import json
import math
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from monitoring import store
from monitoring.catalogue import landing
from monitoring.models import Series, Source
from monitoring.services import PulledFacts, add_pulled_source, pull_sources
from tests.factories import EnvironmentFactory, HealthCheckFactory
from tests.waiting import until

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not (shutil.which("prometheus") and shutil.which("prometheus-node-exporter")),
        reason="prometheus or its node_exporter is not installed: ci/system-packages installs them",
    ),
]
RULES = Path(__file__).resolve().parents[3] / "docs" / "postdeploy.rules.yml"
STILL = ("node_memory_MemTotal_bytes", "node_boot_time_seconds", "node_uname_info", "node_filesystem_size_bytes")
MOVING = ("node_load5", "node_context_switches_total", "node_memory_MemFree_bytes", "node_time_seconds")


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


@contextmanager
def running(*command, ready):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(ready) or process.poll() is not None, seconds=20)
        assert process.poll() is None, f"{command[0]} ended"
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def exporter():
    address = f"127.0.0.1:{free_port()}"
    with running("prometheus-node-exporter", f"--web.listen-address={address}", ready=f"http://{address}/metrics"):
        yield address


@pytest.fixture(scope="module")
def prometheus(exporter, tmp_path_factory):
    folder, address = tmp_path_factory.mktemp("prometheus"), f"127.0.0.1:{free_port()}"
    scrape = {"job_name": "node", "scrape_interval": "1s", "static_configs": [{"targets": [exporter]}]}
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [scrape]}))
    command = (
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
    )
    with running(*command, ready=f"http://{address}/-/ready"):
        # a source of 5 s may be asked for 5 s ago, and a rate needs two scrapes before that
        until(lambda: len(asked(address, 'count_over_time(up{job="node"}[1m]) >= 8')) > 0, seconds=30)
        yield address


def asked(address, query, **fields):
    """The result of Prometheus' own API."""
    path = "query_range" if "start" in fields else "query"
    url = f"http://{address}/api/v1/{path}?{urllib.parse.urlencode({'query': query, **fields})}"
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.load(response)["data"]["result"]


@pytest.fixture
def environment(settings):
    settings.PROBE_NETWORKS = ["127.0.0.1/32"]
    return EnvironmentFactory()


def source(environment, kind, *, backfill=timedelta(), now=None, interval=5, **config):
    facts = PulledFacts("node", environment, config, interval)
    return add_pulled_source(
        project=environment.project, kind=kind, facts=facts, now=now or timezone.now(), backfill=backfill
    )


def stored(environment, metric):
    """The samples of a metric by their labels, those that Prometheus adds left out."""
    rows = Series.objects.filter(environment=environment, metric__key=metric)
    read = store.read([row.pk for row in rows], datetime(2000, 1, 1, tzinfo=UTC), timezone.now() + timedelta(minutes=1))
    return {labels(row.labels): read[row.pk] for row in rows}


def labels(found):
    return frozenset((key, value) for key, value in found.items() if key not in {"__name__", "job", "instance"})


def test_what_both_scrape_is_the_same(environment, exporter, prometheus):
    made = source(environment, "SCRAPE", url=f"http://{exporter}/metrics", keep="\n".join((*STILL, *MOVING)))
    before = {
        name: {labels(row["metric"]): float(row["value"][1]) for row in asked(prometheus, name)} for name in MOVING
    }
    assert pull_sources(now=timezone.now()) == 1, Source.objects.get(pk=made.pk).latest_detail
    for name in STILL:
        theirs = {labels(row["metric"]): float(row["value"][1]) for row in asked(prometheus, name)}
        ours = {key: samples.values[-1] for key, samples in stored(environment, name).items()}
        assert ours == theirs, name
        assert ours, name
    for name in MOVING:
        ours = {key: samples.values[-1] for key, samples in stored(environment, name).items()}
        assert ours.keys() == before[name].keys(), name
        for key, value in ours.items():
            assert math.isclose(value, before[name][key], rel_tol=0.3, abs_tol=30), (name, key)


def test_a_scrape_takes_what_prometheus_takes(environment, exporter, prometheus):
    """Every metric of the exporter, under the name that the catalogue gives it; not those that Prometheus adds."""
    made = source(environment, "SCRAPE", url=f"http://{exporter}/metrics")
    pull_sources(now=timezone.now())
    made.refresh_from_db()
    assert made.failing_since is None
    query = '{job="node", __name__!="up", __name__!~"scrape_.*"}'
    theirs = {key_of(row["metric"]) for row in asked(prometheus, query)}
    ours = set(Series.objects.filter(environment=environment).values_list("metric__key", flat=True))
    assert len(theirs) > 100
    assert theirs - ours == set()
    assert {name for name in ours - theirs if name.startswith("node_")} == set()


def key_of(metric):
    """The metric of the catalogue where the name is known to it, otherwise the name."""
    found = landing(metric["__name__"], {key: value for key, value in metric.items() if key != "__name__"})
    return found.known.key if found else metric["__name__"]


def test_a_query_is_what_their_api_answers(environment, prometheus):
    now = timezone.now()
    queries = "memory [bytes] = node_memory_MemTotal_bytes\nbusy = sum by (mode) (rate(node_cpu_seconds_total[30s]))"
    made = source(environment, "PROMQL", now=now, url=f"http://{prometheus}", queries=queries)
    assert pull_sources(now=now) == 1, Source.objects.get(pk=made.pk).latest_detail
    for key, query in (
        ("memory", "node_memory_MemTotal_bytes"),
        ("busy", "sum by (mode) (rate(node_cpu_seconds_total[30s]))"),
    ):
        ours = stored(environment, key)
        at = next(iter(ours.values())).times[-1]
        theirs = {labels(row["metric"]): float(row["value"][1]) for row in asked(prometheus, query, time=at)}
        assert {label: samples.values[-1] for label, samples in ours.items()} == theirs


def test_a_backfill_is_what_their_api_answers_for_the_stretch(environment, prometheus):
    now = timezone.now()
    query = "node_time_seconds"
    made = source(
        environment,
        "PROMQL",
        now=now,
        backfill=timedelta(hours=1),
        url=f"http://{prometheus}/",
        queries=f"clock = {query}",
    )
    while pull_sources(now=now):
        made.refresh_from_db()
        if made.next_pull_at > now:
            break
    (ours,) = stored(environment, "clock").values()
    start, end = made.pulled_until.timestamp() - 719 * 5, made.pulled_until.timestamp()
    (theirs,) = asked(prometheus, query, start=start, end=end, step=5)
    assert list(zip(ours.times, ours.values, strict=True)) == [(at, float(value)) for at, value in theirs["values"]]


def test_an_error_of_prometheus_is_told_in_its_own_words(environment, prometheus):
    made = source(environment, "PROMQL", url=f"http://{prometheus}", queries="good = up\nbad = sum(((")
    assert pull_sources(now=timezone.now()) == 0
    made.refresh_from_db()
    assert made.latest_detail.startswith("1 of 2 queries failed. bad: Prometheus refused it:")
    assert "parse error" in made.latest_detail
    assert made.failing_since is not None
    assert stored(environment, "good")


@pytest.mark.django_db(transaction=True)
def test_their_scraper_reads_our_metrics_and_our_rules_fire_by_them(live_server, tmp_path):
    HealthCheckFactory()
    target, address = live_server.url.removeprefix("http://"), f"127.0.0.1:{free_port()}"
    scrape = {"job_name": "postdeploy", "scrape_interval": "1s", "static_configs": [{"targets": [target]}]}
    every_second = {"evaluation_interval": "1s"}
    config = {"global": every_second, "rule_files": [str(RULES)], "scrape_configs": [scrape]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    command = ("prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data")
    with running(*command, f"--web.listen-address={address}", ready=f"http://{address}/-/ready"):
        (checks,) = until(lambda: asked(address, "postdeploy_checks"), seconds=30)
        assert checks["value"][1] == "1"
        pending = until(lambda: alerts(address), seconds=30)
    assert {"PostdeployStandsStill", "PostdeployChecksAreNotRead"} <= pending
    assert "PostdeployIsGone" not in pending


def alerts(address):
    with urllib.request.urlopen(f"http://{address}/api/v1/alerts", timeout=5) as response:
        names = {alert["labels"]["alertname"] for alert in json.load(response)["data"]["alerts"]}
    return names if "PostdeployChecksAreNotRead" in names and "PostdeployIsGone" not in names else None
