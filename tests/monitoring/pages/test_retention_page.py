"""For how long a project keeps what it measures: the page and the service."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from deployments.models import Role
from monitoring import services, store
from monitoring.models import Retention
from tests.factories import MetricFactory, MonitoringPolicyFactory, SeriesFactory
from tests.monitoring.pages.people import somebody, text_of, url
from tests.monitoring.store.clock import fold, stand_still
from tests.samples import store_samples

pytestmark = pytest.mark.django_db
DAYS = {"raw_days": 30, "minute_days": 90, "hour_days": 730}


def save(environment, **changes):
    return services.save_retention(project=environment.project, **DAYS | changes)


def test_a_project_keeps_what_was_said_and_the_latest_counts(environment):
    save(environment, raw_days=14)
    save(environment, raw_days=60)
    assert Retention.objects.get().raw_days == 60


@pytest.mark.parametrize(
    ("changes", "field", "part"),
    [
        ({"raw_days": 0}, "raw_days", "between 1 and 3,650"),
        ({"hour_days": 3651}, "hour_days", "between 1 and 3,650"),
        ({"raw_days": 91}, "minute_days", "at least as long as samples (91 d)"),
        ({"minute_days": 731}, "hour_days", "at least as long as roll-ups of a minute (731 d)"),
        ({"raw_days": 6}, "raw_days", "is compared with the 7 d before it"),
    ],
)
def test_nonsense_is_refused_with_the_fix(environment, changes, field, part):
    MonitoringPolicyFactory(environment=environment, baseline_seconds=7 * 86_400)
    with pytest.raises(ValidationError) as refused:
        save(environment, **changes)
    assert part in refused.value.message_dict[field][0].replace("\u00a0", " ")
    assert not Retention.objects.exists()


def test_a_deployment_is_not_compared_with_more_than_is_kept(environment):
    with pytest.raises(ValidationError) as refused:
        services.save_policy(environment=environment, now=timezone.now(), baseline_seconds=31 * 86_400)
    assert "Samples are kept for 30 d: compare with less" in refused.value.message_dict["baseline_seconds"][0]
    save(environment, raw_days=31)
    services.save_policy(environment=environment, now=timezone.now(), baseline_seconds=31 * 86_400)


def test_the_page_shows_the_defaults_and_keeps_what_is_typed(person, environment):
    page = person.get(url(environment, "settings/retention/"))
    assert 'value="730"' in page.content.decode()
    assert "once there is a whole day of samples" in text_of(page)
    answer = person.post(url(environment, "settings/retention/"), DAYS | {"raw_days": "45"}, follow=True)
    assert "What is older now goes within the hour" in text_of(answer)
    assert Retention.objects.get().raw_days == 45


@pytest.mark.parametrize("typed", ["", "x", "1.5", "-3", "9" * 40])
def test_what_is_no_number_of_days_is_told_beside_its_field(person, environment, typed):
    answer = person.post(url(environment, "settings/retention/"), DAYS | {"raw_days": typed})
    assert (answer.status_code, "a whole number of days" in text_of(answer)) == (400, True)
    assert not Retention.objects.exists()


def test_the_page_says_about_what_it_takes(person, environment, monkeypatch):
    row = SeriesFactory(environment=environment, metric=MetricFactory(project=environment.project))
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    store_samples([row.pk] * 60, [noon + timedelta(seconds=n) for n in range(60)], [float(n) for n in range(60)])
    stand_still(monkeypatch, store.microseconds(timezone.now()))
    fold()
    page = text_of(person.get(url(environment, "settings/retention/")))
    assert "60 samples came on the latest whole day." in page
    assert "30 d of" in page.replace("\u00a0", " ")


def test_only_maintainers_decide(environment):
    assert somebody(environment, Role.RESPONDER).get(url(environment, "settings/retention/")).status_code == 403
