"""From where a check is read: chosen in the form, over REST and for several at once; shown where the check is shown."""

import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from monitoring import services
from monitoring.models import HealthCheck, Prober
from monitoring.selectors import not_watched
from tests.api_client import ApiClient
from tests.factories import ApiTokenFactory, HealthCheckFactory, SeriesFactory
from tests.monitoring.pages.people import text_of, url
from tests.monitoring.pages.test_check_form import values
from tests.monitoring.pages.test_check_pages import bulk
from tests.monitoring.test_checks_api import SCOPES, SHOP, pointers, sent
from tests.samples import store_samples

pytestmark = pytest.mark.django_db
HTTP = {"target": "https://shop.example/", "method": "GET"}


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    monkeypatch.setattr("postdeploy.queues.wake", lambda task, names: None)


@pytest.fixture
def api(environment):
    return ApiClient(ApiTokenFactory(project=environment.project, scopes=SCOPES))


def worker_at(location, silent=0):
    worker = Prober.objects.create(name="a:1", key="a:1:x", location=location)
    Prober.objects.filter(pk=worker.pk).update(seen_at=Now() - timedelta(seconds=silent))


def shop(environment):
    return SHOP | {"project": environment.project.slug, "environment": environment.name}


# --- the form ---------------------------------------------------------------------------------------------------------


def test_the_form_keeps_a_location_and_says_when_nobody_is_there(person, environment):
    response = person.post(
        url(environment, "checks/new/"), values(environment, "HTTP", location="eu-west", **HTTP), follow=True
    )
    check = HealthCheck.objects.get()
    assert check.location == "eu-west"
    assert "Checked is saved. No worker at eu-west speaks: until one does, nothing is known of it." in text_of(response)
    worker_at("eu-west")
    response = person.post(
        url(environment, f"checks/{check.pk}/edit/"),
        values(environment, "HTTP", location="eu-west", **HTTP),
        follow=True,
    )
    assert "Checked is saved and is read in a moment." in text_of(response)


def test_a_name_that_is_none_is_refused_beside_its_field(person, environment):
    response = person.post(url(environment, "checks/new/"), values(environment, "HTTP", location="EU West", **HTTP))
    assert response.status_code == 400
    assert "Use small letters, digits and single hyphens, 30 at most, such as eu-west." in text_of(response)
    assert not HealthCheck.objects.exists()


def test_the_form_of_a_heartbeat_has_no_location(person, environment):
    assert "Read from" not in text_of(person.get(url(environment, "checks/new/?kind=HEARTBEAT")))
    assert "Read from" in text_of(person.get(url(environment, "checks/new/?kind=TCP")))


def test_trying_a_check_of_a_location_says_from_where_it_was_tried(person, environment, target):
    fields = values(environment, "HTTP", location="eu-west", **HTTP | {"target": target.url, "try": "1"})
    page = text_of(person.post(url(environment, "checks/new/"), fields))
    assert "It was tried from home, not from eu-west." in page


# --- several at once, and the list ------------------------------------------------------------------------------------


def test_several_move_to_a_location_and_back_and_heartbeats_say_why_not(person, environment):
    checks = [HealthCheckFactory(environment=environment, name=name) for name in ("Cart", "Pay")]
    job = HealthCheckFactory(environment=environment, name="Job", kind="HEARTBEAT", target="",
                             options={"period_seconds": 900, "grace_seconds": 60}, conditions="")  # fmt: skip
    page = text_of(bulk(person, environment, "location", [*checks, job], location="eu-west"))
    assert "2 checks are changed." in page
    assert "Job is not changed. A heartbeat is pinged by its job and read from nowhere" in page
    assert HealthCheck.objects.filter(location="eu-west", moved_at__isnull=False).count() == 2
    assert "2 checks are changed." in text_of(bulk(person, environment, "location", checks, location=""))
    assert "Use small letters" in text_of(bulk(person, environment, "location", checks, location="E U"))


def test_the_list_shows_and_filters_by_location(person, environment):
    read = {"environment": environment, "first_reading_at": timezone.now()}
    HealthCheckFactory(name="Faraway", location="eu-west", **read)
    HealthCheckFactory(name="Nearby", **read)
    page = text_of(person.get(url(environment, "checks/")))
    assert "from eu-west" in page
    assert "All locations" in page
    far, near = (text_of(person.get(url(environment, f"checks/?location={name}"))) for name in ("eu-west", "home"))
    assert ("Faraway" in far, "Nearby" in far) == (True, False)
    assert ("Faraway" in near, "Nearby" in near) == (False, True)


def test_without_locations_the_list_does_not_speak_of_them(person, environment):
    HealthCheckFactory(environment=environment)
    assert "All locations" not in text_of(person.get(url(environment, "checks/")))


# --- what nobody reads ------------------------------------------------------------------------------------------------


@pytest.fixture
def unread(environment):
    since = timezone.now() - timedelta(minutes=5)
    check = HealthCheckFactory(
        environment=environment, name="Cart", location="eu-west", state="UP", state_since=since, created_at=since,
        first_reading_at=since,
    )  # fmt: skip
    worker_at("eu-west", silent=120)
    services.mind_locations(now=timezone.now())
    return check


def test_the_page_of_a_check_says_since_when_nobody_reads_it(person, environment, unread):
    page = text_of(person.get(url(environment, f"checks/{unread.pk}/")))
    assert "No worker at eu-west since" in page
    assert "Unknown" in page


def test_one_that_is_down_says_it_once_and_keeps_what_its_latest_reading_was(person, environment):
    check = HealthCheckFactory(environment=environment, location="eu-west", state="DOWN", state_since=timezone.now())
    series = SeriesFactory(environment=environment, metric=None, health_check=check, aspect="up")
    store_samples([series.pk], [timezone.now() - timedelta(minutes=2)], [0.0])
    worker_at("eu-west", silent=120)
    services.mind_locations(now=timezone.now())
    page = text_of(person.get(url(environment, f"checks/{check.pk}/")))
    assert page.lower().count("no worker at eu-west") == 1
    assert "Down" in page
    assert re.search(r"Latest reading .*: failed\.", page)


def test_the_list_says_so_too_and_counts_it_as_unknown(person, environment, unread):
    page = text_of(person.get(url(environment, "checks/")))
    assert "no worker at eu-west since" in page
    assert "0 of 1 check are up, 1 is not known yet" in page


def test_what_is_not_watched_names_it_once_with_its_time(environment, unread):
    [found] = [one for one in not_watched(environment, timezone.now()) if one.name == "Cart"]
    assert found.why.startswith("no worker at eu-west since ")
    assert found.since is None


def test_a_check_that_is_read_says_by_how_many_workers(person, environment):
    check = HealthCheckFactory(environment=environment, location="eu-west")
    worker_at("eu-west")
    page = text_of(person.get(url(environment, f"checks/{check.pk}/")))
    assert "eu-west , by 1 worker" in page or "eu-west, by 1 worker" in page
    assert "No worker" not in page


# --- over REST --------------------------------------------------------------------------------------------------------


def test_a_check_is_made_and_moved_over_rest(api, environment):
    answer = sent(api, "post", "/checks", shop(environment) | {"location": "eu-west"}).json()
    assert answer["location"] == "eu-west"
    answer = sent(api, "patch", f"/checks/{answer['id']}", {"location": ""}).json()
    assert answer["location"] == ""
    assert HealthCheck.objects.get().moved_at


@pytest.mark.parametrize(("name", "part"), [("EU", "small letters"), ("home", "leave it empty"), ("x" * 31, "30")])
def test_a_name_that_is_none_is_refused_with_its_field_and_the_fix(api, environment, name, part):
    faults = pointers(sent(api, "post", "/checks", shop(environment) | {"location": name}))
    assert part in faults["/location"]


def test_a_heartbeat_with_a_location_is_refused(api, environment):
    body = shop(environment) | {"kind": "heartbeat", "target": "", "options": {"period_seconds": 900}, "location": "eu"}
    assert "read from nowhere" in pointers(sent(api, "post", "/checks", body))["/location"]


def test_the_list_over_rest_is_narrowed_to_a_location(api, environment):
    HealthCheckFactory(environment=environment, name="Far", location="eu-west")
    HealthCheckFactory(environment=environment, name="Pay")
    far = api.get("/api/v1/checks?location=eu-west").json()["items"]
    near = api.get("/api/v1/checks?location=home").json()["items"]
    assert ([one["name"] for one in far], [one["name"] for one in near]) == (["Far"], ["Pay"])
