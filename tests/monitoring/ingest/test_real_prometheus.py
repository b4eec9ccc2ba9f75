"""Debian's Prometheus writes to us: what its own database holds is what ours holds."""

import json
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deployments.models import Environment
from monitoring.models import Metric, Refusal, Source
from tests.factories import ApiTokenFactory
from tests.installation import free_port
from tests.monitoring.ingest.stored import samples_of, series_of
from tests.waiting import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.skipif(not shutil.which("prometheus"), reason="no prometheus here: ci/system-packages installs it"),
]

CONFIGURATION = """
global: {{scrape_interval: 1s, external_labels: {{environment: production}}}}
scrape_configs:
  - {{job_name: shop, static_configs: [{{targets: ["{target}"]}}]}}
remote_write:
  - url: {url}
    authorization: {{credentials: {token}}}
    queue_config: {{batch_send_deadline: 1s, min_backoff: 100ms, max_backoff: 500ms}}
    metadata_config: {{send_interval: 1s}}
"""
EXPOSITION = """# HELP shop_orders_total Orders placed
# TYPE shop_orders_total counter
shop_orders_total{country="de",note="a \\"quoted\\" \\\\ word\\n and more"} {count}
# TYPE shop_temperature gauge
shop_temperature -0.1
shop_tiny 5e-324
shop_huge 1.7976931348623157e308
shop_nothing NaN
shop_endless +Inf
process_resident_memory_bytes 12345678
"""


@pytest.fixture
def target():
    """A program with metrics: its counter grows with each scrape."""
    scrapes = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            scrapes.append(1)
            body = EXPOSITION.replace("{count}", str(len(scrapes) * 7)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def token():
    return ApiTokenFactory(scopes=["metrics:write"])


@pytest.fixture
def prometheus(tmp_path, live_server, target, token):
    port = free_port()
    url = f"{live_server.url}/api/v1/prometheus/write"
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIGURATION.format(target=target, url=url, token=token.text))
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data", "--log.level=info"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", *arguments, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    yield Running(port, tmp_path / "log")
    process.terminate()
    process.wait(20)


class Running:
    def __init__(self, port, log):
        self.address, self.log = f"http://127.0.0.1:{port}", log

    def samples(self, query):
        """What Prometheus itself has of one series, as {milliseconds: value}."""
        asked = urllib.parse.urlencode({"query": f"{query}[10m]"})
        with urllib.request.urlopen(f"{self.address}/api/v1/query?{asked}", timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
        return {round(at * 1000): float(value) for series in found for at, value in series["values"]}


def test_what_prometheus_has_is_what_we_have(prometheus, token):
    until(lambda: series_of("shop_orders_total") and len(samples_of("shop_orders_total")) >= 4, 40, "four samples")
    for key in ("shop_orders_total", "shop_temperature", "shop_tiny", "shop_huge"):
        sent, stored = prometheus.samples(key), dict(samples_of(key))
        assert len(stored) >= 3, key
        assert {at: sent[at] for at in stored} == stored, key
    (orders,) = series_of("shop_orders_total")
    assert orders.environment.name == "production"
    assert orders.labels["note"] == 'a "quoted" \\ word\ufffd and more'
    assert Metric.objects.get(key="shop_orders_total").is_counter


def test_known_names_land_in_the_catalogue_and_what_is_no_number_is_not_stored(prometheus, token):
    until(lambda: series_of("memory_usage") and series_of("service_status"), 40, "memory and up")
    assert {value for _, value in samples_of("memory_usage")} == {12345678.0}
    assert {value for _, value in samples_of("service_status")} == {100.0}
    assert not series_of("shop_nothing")
    assert not series_of("shop_endless")
    refusal = until(lambda: Refusal.objects.filter(reason="NOT_FINITE").first(), 20, "the infinite one")
    assert refusal.example.startswith("shop_endless")
    (source,) = Source.objects.all()
    assert (source.kind, source.token, source.project) == ("REMOTE_WRITE", token, token.project)
    assert list(Environment.objects.values_list("name", flat=True)) == ["production"]
    assert "non-recoverable error" not in prometheus.log.read_text()
