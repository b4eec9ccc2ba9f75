"""The page of sources: what arrives, what was refused and why, how to connect; and what people say of metrics."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from deployments.models import Role
from monitoring import services, store
from monitoring.models import Metric, MetricLimits, Source
from tests.api_client import ApiClient
from tests.factories import ApiTokenFactory, EnvironmentFactory, MembershipFactory, MetricFactory, PulledSourceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    return EnvironmentFactory(name="production")


@pytest.fixture
def project(environment):
    return environment.project


@pytest.fixture
def sender(project):
    return ApiClient(ApiTokenFactory(project=project, name="web shop", scopes=["metrics:write"]))


@pytest.fixture
def person(project):
    client = Client()
    client.force_login(MembershipFactory(project=project, role=Role.MAINTAINER).user)
    return client


def page(person, project):
    return person.get(f"/p/{project.slug}/sources/").content.decode()


def send(sender, *values, **body):
    samples = [{"metric": "orders", "value": value} for value in values]
    return sender.send("/metrics", {"environment": "production", "samples": samples} | body)


def test_without_a_source_the_page_says_how_to_connect_one(person, project, settings):
    text = page(person, project)
    assert "Nothing sends numbers yet." in text
    assert f"{settings.SITE_URL}/api/v1/prometheus/write" in text
    assert f"{settings.SITE_URL}/api/v1/otlp/v1/metrics" in text
    assert f"{settings.SITE_URL}/api/v1/push/production" in text


def test_a_source_appears_by_itself_with_what_it_sent(person, project, sender):
    send(sender, 1, 2, 3)
    text = page(person, project)
    assert "Numbers arrive from 1 of 1 source." in text
    assert "JSON · web shop" in text
    assert 'data-l="Stored" class="num">3<' in text


def test_what_the_store_has_folded_is_counted_once(person, project, sender):
    send(sender, 1, 2, 3)
    source = Source.objects.get()
    services.count_folded({source.pk: 40, 999_999: 1}, now=timezone.now())
    assert 'data-l="Stored" class="num">43<' in page(person, project)
    assert store.waiting([source.pk])[source.pk][0] == 3


def test_what_was_refused_is_shown_with_its_reason_and_an_example(person, project, sender):
    MetricLimits.objects.create(project=project, max_series=1)
    send(sender, 1)
    for _ in range(2):
        samples = [{"metric": "visits", "value": 1, "labels": {"user": "<b>42"}}]
        assert send(sender, samples=samples).status_code == 409
    assert send(sender, "twelve").status_code == 400
    text = page(person, project)
    assert "some of 1 were refused in the last hour" in text
    assert "visits{user=&quot;&lt;b&gt;42&quot;}" in text
    assert "Too many series" in text
    assert "Must be a number." in text
    assert 'data-l="How many" class="num">2<' in text


def test_a_source_that_was_not_heard_of_is_silent(person, project, sender):
    send(sender, 1)
    later = timezone.now() + timedelta(minutes=16)
    from monitoring.selectors.sources import source_rows

    assert [row.word for row in source_rows(project, now=later)] == ["Silent"]


def test_samples_without_an_environment_go_where_the_source_says(person, project, sender):
    assert send(sender, 1, environment=None).status_code == 400
    body = {"samples": [{"metric": "orders", "value": 1}]}
    refused = sender.send("/metrics", body)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/environment")
    source = Source.objects.get()
    environment = project.environments.get()
    response = person.post(f"/p/{project.slug}/sources/senders/{source.pk}/", {"environment": environment.pk})
    assert response.status_code == 302
    assert sender.send("/metrics", body).status_code == 202


def test_refusals_can_be_forgotten(person, project, sender):
    send(sender, "twelve")
    source = Source.objects.get()
    person.post(f"/p/{project.slug}/sources/senders/{source.pk}/forget/")
    assert not source.refusals.exists()


def test_the_limit_can_be_raised_and_counts_at_once(person, project, sender):
    MetricLimits.objects.create(project=project, max_series=1)
    send(sender, 1)
    more = {"samples": [{"metric": "visits", "value": 1}]}
    assert send(sender, **more).status_code == 409
    for typed in ("0", "-1", "", "1,5", "9" * 30, "1000001"):
        answer = person.post(f"/p/{project.slug}/sources/limit/", {"max_series": typed})
        told = "Type a whole number between 1 and 1,000,000, without separators." in answer.content.decode()
        assert (answer.status_code, told) == (400, True), typed
    answer = person.post(f"/p/{project.slug}/sources/limit/", {"max_series": "1"}, follow=True)
    assert "It has 1: they stay, new ones are refused." in answer.content.decode()
    assert person.post(f"/p/{project.slug}/sources/limit/", {"max_series": "2"}).status_code == 302
    assert send(sender, **more).status_code == 202


DESCRIBED = {
    "name": "Orders", "unit": "pieces", "kind": "BUSINESS_COUNT", "category": "PROCESS", "bad_direction": "DOWN",
    "least_change": "0.2", "is_critical": "on",
}  # fmt: skip


def test_a_metric_can_be_described_before_its_first_sample(person, project, sender):
    response = person.post(f"/p/{project.slug}/metrics/new/", DESCRIBED | {"key": "orders"})
    assert response.status_code == 302
    send(sender, 1)
    metric = Metric.objects.get()
    assert (metric.name, metric.unit, metric.is_critical, metric.least_change) == ("Orders", "pieces", True, 0.2)


def test_what_a_metric_was_guessed_to_be_can_be_corrected_but_not_its_key(person, project):
    metric = MetricFactory(project=project, key="orders")
    person.post(f"/p/{project.slug}/metrics/{metric.pk}/edit/", DESCRIBED | {"key": "other", "is_muted": "on"})
    metric.refresh_from_db()
    assert (metric.key, metric.name, metric.is_muted) == ("orders", "Orders", True)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"key": "orders"}, "The project has a metric with this key."),
        ({"key": "a", "least_change": "-1"}, "Must be between 0 and 100"),
        ({"key": "a", "least_change": "nan"}, "Enter a number."),
        ({"key": "", "least_change": "1"}, "This field is required."),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(person, project, wrong, sentence):
    MetricFactory(project=project, key="orders")
    response = person.post(f"/p/{project.slug}/metrics/new/", DESCRIBED | wrong)
    assert response.status_code == 400
    assert sentence in response.content.decode()


def test_sources_are_found_by_words_and_come_in_sheets(person, project, monkeypatch):
    monkeypatch.setattr("monitoring.views.sources.PAGE", 4)
    for n in range(6):
        PulledSourceFactory(project=project, name=f"node {n}")
    page = f"/p/{project.slug}/sources/"
    assert "1 to 4 of 6" in person.get(page).content.decode()
    found = person.get(page, {"q": "NODE 5 scrape"}).content.decode()
    assert ("node 5" in found, "node 4" in found) == (True, False)
    assert "No source matches this filter." in person.get(page, {"q": "none-such"}).content.decode()
