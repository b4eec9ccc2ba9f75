"""`/metrics`: Prometheus can read it, with the token or from this machine, and nobody else."""

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from monitoring.models import Prober
from monitoring.selectors import exposed
from postdeploy.health import record_tick
from postdeploy.lib.exposition import Family, exposition, gauge
from tests.factories import HealthCheckFactory, ProjectFactory

pytestmark = pytest.mark.django_db


def get(**extra):
    return Client().get("/metrics", **extra)


def samples():
    text = get().content.decode()
    return {
        (one.name, *one.labels.values()): one.value for f in text_string_to_metric_families(text) for one in f.samples
    }


def test_prometheus_own_parser_reads_it_and_its_type_is_the_one_that_prometheus_3_wants():
    response = get()
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert list(text_string_to_metric_families(response.content.decode()))
    assert response.content.endswith(b"\n")


def test_it_has_the_figures_of_the_page():
    record_tick()
    HealthCheckFactory()
    Prober.objects.create(name="a:1", key="a:1:x", probes_per_second=4, lateness_p99_ms=250, readings=1234)
    source = ProjectFactory().sources.create(kind="SCRAPE", name="n", failing_since=timezone.now())
    source.refusals.create(reason="TOO_OLD", count=5, first_at=timezone.now(), latest_at=timezone.now())
    found = samples()
    assert found["postdeploy_checks",] == 1
    assert found["postdeploy_probes_per_second",] == 4
    assert found["postdeploy_poll_lateness_p99_seconds",] == 0.25
    assert found["postdeploy_readings_total", "a:1:x"] == 1234
    assert found["postdeploy_samples_refused_total", "too_old"] == 5
    assert found["postdeploy_sources_failing",] == 1
    assert found["postdeploy_broker_up",] == 1
    assert found["postdeploy_queue_length", "flow"] == 0
    assert found["postdeploy_database_bytes",] > 1_000_000
    assert 0 <= found["postdeploy_tick_age_seconds",] < 60


def test_what_is_not_known_is_left_out_instead_of_being_zero():
    found = samples()
    assert ("postdeploy_tick_age_seconds",) not in found
    assert ("postdeploy_poll_lateness_p99_seconds",) not in found


def test_names_follow_the_conventions():
    Prober.objects.create(name="a:1", key="a:1:x", readings=3)
    families = list(text_string_to_metric_families(get().content.decode()))
    assert {family.type for family in families} == {"counter", "gauge"}
    for family in families:
        assert re.fullmatch(r"postdeploy_[a-z0-9_]+", family.name)
        assert family.documentation.endswith(".")
    names = [line.split(" ")[2] for line in get().content.decode().splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(a != b for a, b in pairwise(names))


def test_a_broker_that_is_away_is_a_figure_and_no_error(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert samples()["postdeploy_broker_up",] == 0


def test_without_a_token_only_this_machine_reads_it():
    assert get().status_code == 200
    assert get(REMOTE_ADDR="::1").status_code == 200
    assert get(REMOTE_ADDR="10.1.2.3").status_code == 404


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_on_this_machine_does_not_open_it_to_the_world(header):
    assert get(headers={header: "203.0.113.7"}).status_code == 404


def test_a_scraper_on_this_machine_is_not_sent_to_https(settings):
    settings.SECURE_SSL_REDIRECT = True
    assert get().status_code == 200


def test_with_a_token_whoever_has_it_reads_it_and_this_machine_needs_it_too(settings):
    settings.METRICS_TOKEN = "s3cret-ö"
    refused = get()
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")
    assert get(headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert get(headers={"Authorization": "Basic s3cret-ö"}).status_code == 401
    answer = get(REMOTE_ADDR="10.1.2.3", HTTP_AUTHORIZATION="bearer s3cret-ö")
    assert answer.status_code == 200


def test_labels_and_helps_are_escaped():
    text = exposition([Family("a", "gauge", "x\\y\nz", (({"l": 'q"\\\n'}, 0.5),)), gauge("b", "none.", None)])
    assert text == '# HELP a x\\\\y\\nz\n# TYPE a gauge\na{l="q\\"\\\\\\n"} 0.5\n'
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == {"l": 'q"\\\n'}


def test_whole_numbers_stay_whole_and_odd_ones_are_read_back():
    text = exposition([gauge("a", "b.", 12345678901), gauge("c", "d.", 1e300), gauge("e", "f.", 0.1)])
    assert "a 12345678901\n" in text
    values = [family.samples[0].value for family in text_string_to_metric_families(text)]
    assert values == [12345678901, 1e300, 0.1]


RULES = Path(__file__).resolve().parents[3] / "docs" / "postdeploy.rules.yml"
DOCS = RULES.with_name("operations.md")


def every_name():
    """Each metric that there can be, by what the module that makes them says."""
    return set(re.findall(r'"(postdeploy_[a-z0-9_]+)"', Path(exposed.__file__).read_text()))


def test_the_rules_we_hand_out_ask_for_metrics_that_there_are():
    asked = set(re.findall(r"postdeploy_[a-z0-9_]+", RULES.read_text()))
    assert len(asked) > 8
    assert asked <= every_name()


def test_every_metric_is_explained():
    assert every_name() == set(re.findall(r"`(postdeploy_[a-z0-9_]+)", DOCS.read_text()))


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: ci/system-packages installs it")
def test_prometheus_accepts_the_rules():
    checked = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: ci/system-packages installs it")
def test_prometheus_own_linter_finds_nothing_to_say():
    Prober.objects.create(name="a:1", key="a:1:x", readings=3, lateness_p99_ms=1, lateness_p50_ms=1)
    record_tick()
    checked = subprocess.run(["promtool", "check", "metrics"], input=get().content, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
