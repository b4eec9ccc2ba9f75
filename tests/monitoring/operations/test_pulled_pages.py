"""Pages of sources that we fetch from: try it, save it, see how it goes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from deployments.models import MASK, Role
from monitoring.models import MetricLimits, Series, Source
from monitoring.services import pull_sources
from tests.factories import EnvironmentFactory, MembershipFactory, PulledSourceFactory, SeriesFactory
from tests.targets import Target

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(settings):
    settings.PROBE_NETWORKS = ["127.0.0.1/32"]
    with Target() as found:
        found.set("/metrics", body="".join(f'things{{n="{n:02}"}} {n}\n' for n in range(25)) + "go_info 1\nbad +Inf\n")
        yield found


@pytest.fixture
def environment():
    return EnvironmentFactory()


@pytest.fixture
def person(environment):
    client = Client()
    client.force_login(MembershipFactory(project=environment.project, role=Role.MAINTAINER).user)
    return client


def url(environment, rest=""):
    return f"/p/{environment.project.slug}/sources/{rest}"


def form(target, environment, **changes):
    base = {"name": "node", "environment": environment.pk, "url": f"{target.url.rstrip('/')}/metrics"}
    return base | {"interval_seconds": "30 s", "timeout_seconds": "5", "honour_times": "on"} | changes


def text(response):
    return response.content.decode().replace("\u00a0", " ")


def test_trying_shows_the_first_series_the_count_and_what_is_refused_and_stores_nothing(person, target, environment):
    page = text(person.post(url(environment, "new/scrape/"), form(target, environment, drop="go_*") | {"try": "1"}))
    assert "This would be taken" in page
    assert "25 series with 25 samples of 27; the rules leave out 1." in page
    assert "The first 20 of 25 series" in page
    assert "things{n=&quot;19&quot;}" in page
    assert "things{n=&quot;20&quot;}" not in page
    assert "An infinite number cannot be averaged or compared." in page
    assert "Nothing was stored." in page
    assert not Source.objects.exists()
    assert not Series.objects.exists()


def test_trying_warns_of_the_limit_before_it_is_met(person, target, environment):
    MetricLimits.objects.update_or_create(project=environment.project, defaults={"max_series": 10})
    page = text(person.post(url(environment, "new/scrape/"), form(target, environment) | {"try": "1"}))
    assert "Part of it would be refused" in page
    assert "0 of these series are known here, 10 would be new, 16 would be refused." in page
    assert "The project has 0 of 10 series." in page
    assert "16 series would be refused" in page
    assert "A label with many values, such as an id, is the usual cause" in page
    assert not Series.objects.exists()


def test_trying_tells_new_series_from_those_that_are_there(person, target, environment):
    row = SeriesFactory(environment=environment, metric__project=environment.project, metric__key="go_gc")
    target.set("/metrics", body="go_gc 1\nnew_one 2\n")
    page = text(person.post(url(environment, "new/scrape/"), form(target, environment) | {"try": "1"}))
    assert "1 of these series is known here, 1 would be new." in page
    assert list(Series.objects.all()) == [row]


def test_trying_without_an_environment_says_what_would_become_of_it(person, target, environment):
    sent = form(target, environment) | {"environment": "", "try": "1"}
    page = text(person.post(url(environment, "new/scrape/"), sent))
    assert "All of it would be refused" in page
    assert "The samples do not say which environment they are of." in page


def test_trying_a_target_that_does_not_answer_says_why(person, target, environment):
    target.set("/metrics", status=404)
    page = text(person.post(url(environment, "new/scrape/"), form(target, environment) | {"try": "1"}))
    assert "Nothing would be taken" in page
    assert "There is nothing at this address (404)." in page


def test_queries_that_all_fail_are_all_named_and_nothing_is_said_to_be_taken(person, target, environment):
    target.set(json={"status": "success", "data": []})
    sent = form(target, environment, url=target.url, queries="orders = a\nsales = b") | {"try": "1"}
    page = text(person.post(url(environment, "new/promql/"), sent))
    assert "No query was answered. orders: The answer is not that of a Prometheus API: check the address. sales" in page
    assert "Part of it would be taken" not in page
    assert "Nothing would be taken" in page
    assert "0 series" not in page


def test_a_source_of_which_something_is_refused_is_not_called_fetched(person, target, environment):
    MetricLimits.objects.update_or_create(project=environment.project, defaults={"max_series": 10})
    person.post(url(environment, "new/scrape/"), form(target, environment))
    pull_sources(now=timezone.now())
    page = text(person.get(url(environment, f"{Source.objects.get().pk}/")))
    assert "Fetched in part" in page
    assert "but what is refused below" in page


def test_a_name_that_another_source_has_is_refused_and_its_own_is_kept(person, target, environment):
    person.post(url(environment, "new/scrape/"), form(target, environment))
    assert "choose another" in text(person.post(url(environment, "new/scrape/"), form(target, environment)))
    edit = url(environment, f"{Source.objects.get().pk}/edit/")
    assert person.post(edit, form(target, environment)).status_code == 302


def test_trying_queries_says_which_fails(person, target, environment):
    target.set(status=400, json={"status": "error", "error": "parse error"})
    sent = form(target, environment, url=target.url, queries="orders = sum(") | {"try": "1"}
    page = text(person.post(url(environment, "new/promql/"), sent))
    assert "orders: Prometheus refused it: parse error." in page


def test_a_saved_source_is_fetched_and_its_page_says_so(person, target, environment):
    response = person.post(url(environment, "new/scrape/"), form(target, environment, token="s3cret"))
    row = Source.objects.get()
    assert response.headers["Location"] == url(environment, f"{row.pk}/")
    assert "Not fetched yet" in text(person.get(url(environment, f"{row.pk}/")))
    pull_sources(now=timezone.now())
    page = text(person.get(url(environment, f"{row.pk}/")))
    assert "Took 26 of 27 samples: 1 refused." in page
    assert "Not a finite number" in page
    assert "s3cret" not in page


def test_a_mask_keeps_the_secret_and_an_empty_field_takes_it_away(person, target, environment):
    person.post(url(environment, "new/scrape/"), form(target, environment, token="s3cret"))
    row = Source.objects.get()
    edit = url(environment, f"{row.pk}/edit/")
    page = text(person.get(edit))
    assert "s3cret" not in page
    assert MASK in page
    person.post(edit, form(target, environment, token=MASK, name="renamed"))
    row.refresh_from_db()
    assert (row.name, row.secrets) == ("renamed", {"token": "s3cret"})
    person.post(edit, form(target, environment, token=""))
    row.refresh_from_db()
    assert row.secrets == {}


def test_a_mask_without_a_secret_behind_it_is_refused(person, target, environment):
    response = person.post(url(environment, "new/scrape/"), form(target, environment, token=MASK))
    assert response.status_code == 400
    assert "nothing is stored that could be kept" in text(response)


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("scrape", {"keep": "x{a=~b}"}, "Line 1: regular expressions are not known here"),
        ("scrape", {"drop": "x y"}, "Line 1 is no rule such as"),
        ("scrape", {"labels": "a"}, "write a label as name=value"),
        ("scrape", {"labels": "__name__=x"}, "Line 1: __name__ is the metric"),
        ("scrape", {"labels": "a=1\na=2"}, "Line 2: the label a has a value already."),
        ("scrape", {"token": "a\nb"}, "A token has no line breaks"),
        (
            "scrape",
            {"interval_seconds": "5 s", "timeout_seconds": "60"},
            "Must not be longer than Every, which is 5 s",
        ),
        ("scrape", {"url": "http://10.0.0.1/metrics"}, "PROBE_NETWORKS"),
        ("scrape", {"url": "ftp://x.example"}, "http"),
        ("scrape", {"interval_seconds": "1 s"}, "It must be between 5 s and 1 d."),
        ("promql", {"queries": ""}, "This field is required."),
        ("promql", {"queries": "nonsense"}, "Line 1: write the metric, “=” and the query"),
        ("promql", {"queries": "a = b\na = c"}, "Line 2: the metric a has a query already."),
        ("promql", {"queries": "a = b", "backfill": "60 d"}, "It must be between"),
    ],
)
def test_what_cannot_be_used_is_refused_beside_its_field(person, target, environment, kind, changes, told):
    response = person.post(url(environment, f"new/{kind}/"), form(target, environment) | changes)
    assert response.status_code == 400
    assert told in text(response)
    assert not Source.objects.exists()


def test_there_are_two_kinds_only(person, environment):
    assert person.get(url(environment, "new/json/")).status_code == 404


def test_a_source_that_is_sent_to_us_has_no_page_here(person, environment):
    row = PulledSourceFactory(project=environment.project, kind="OTLP")
    assert person.get(url(environment, f"{row.pk}/")).status_code == 404


def test_what_is_still_to_be_fetched_of_the_past_is_said(person, environment):
    row = PulledSourceFactory(
        project=environment.project,
        kind="PROMQL",
        pulled_until=timezone.now() - timedelta(days=3),
        config={"queries": "a = b"},
    )
    assert "3 d of the past are still to be fetched" in text(person.get(url(environment, f"{row.pk}/")))


def test_pausing_resuming_fetching_and_deleting(person, target, environment):
    person.post(url(environment, "new/scrape/"), form(target, environment))
    row = Source.objects.get()
    for word, shown in (("pause", "Paused"), ("resume", "Not fetched yet"), ("fetch", "Not fetched yet")):
        assert person.post(url(environment, f"{row.pk}/{word}/")).status_code == 302
        assert shown in text(person.get(url(environment, f"{row.pk}/")))
    person.post(url(environment, f"{row.pk}/delete/"))
    assert not Source.objects.exists()
