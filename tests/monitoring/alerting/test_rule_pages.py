"""What people see and do on the pages of alerts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import Role
from monitoring.models import Alert, AlertRule, Objective
from tests.factories import AlertFactory, AlertRuleFactory, HealthCheckFactory, MembershipFactory, ObjectiveFactory
from tests.monitoring.alerting.worlds import World
from tests.samples import store_samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return World()


@pytest.fixture
def page(client, world):
    """Open a page of the world's project as a maintainer, below /p/<project>/."""
    member = MembershipFactory(project=world.environment.project, role=Role.MAINTAINER)
    client.force_login(member.user)

    def open_page(path, data=None, **kwargs):
        url = f"/p/{world.environment.project.slug}/{path}"
        return client.post(url, data, **kwargs) if data is not None else client.get(url, **kwargs)

    open_page.user = member.user
    return open_page


def lately(world, value, *, hours=24):
    """Samples each minute of the last hours."""
    now = timezone.now().replace(second=0, microsecond=0)
    times = [now - timedelta(minutes=minute) for minute in range(hours * 60, 0, -1)]
    give = value if callable(value) else lambda minute: value
    values = [give(hours * 60 - place) for place in range(len(times))]
    store_samples([world.series.pk] * len(times), times, values)


def form(world, **changes):
    typed = {
        "kind": "THRESHOLD", "subject": f"metric:{world.metric.pk}", "aggregate": "MEAN", "direction": "ABOVE",
        "threshold": "100", "clear_threshold": "80", "window_seconds": "5 min", "hold_seconds": "5 min",
        "name": "Checkout is slow", "severity": "CRITICAL", "is_relative": "1", "versus": "BEFORE", "speed": "FAST",
    }  # fmt: skip
    return typed | changes


def text_of(response):
    return response.content.decode().replace("\u00a0", " ")


def test_the_list_says_what_fires_and_how_useful_that_was(page, world):
    for answer in ("YES", "YES", "YES", "NO", "NO"):
        AlertFactory(
            rule=world.rule, environment=world.environment, state="RESOLVED", resolved_at=timezone.now(), answer=answer
        )
    AlertFactory(rule=world.rule, environment=world.environment)
    text = text_of(page("alerts/"))
    assert "1 rule fires: Slow checkout" in text
    assert "Useful 3 of 5; 40 % noise" in text
    assert "Mostly noise" not in text


@pytest.mark.parametrize(("silent", "count", "sentence"), [
    (0, 0, "It matches nothing that is measured."),
    (1, 1, "No samples to judge by, or planned maintenance."),
    (3, 3, "No samples of any of its 3 series to judge by, or planned maintenance."),
    (2, 3, "No samples of 2 of its 3 series to judge by, or planned maintenance."),
])  # fmt: skip
def test_a_rule_without_data_says_of_what_nothing_came(page, world, silent, count, sentence):
    AlertRule.objects.update(judged_until=timezone.now(), silent_count=silent, series_count=count)
    for path in ("alerts/", f"alerts/rules/{world.rule.pk}/"):
        assert sentence in text_of(page(path))


def test_rules_are_found_by_words_and_states_and_come_in_sheets(page, world, monkeypatch):
    monkeypatch.setattr("monitoring.selectors.alerts.PAGE", 4)
    for fruit in ("apple", "cherry", "fig", "melon", "peach", "plum"):
        AlertRuleFactory(project=world.environment.project, name=f"Cart {fruit}", paused_at=timezone.now())
    first, second = text_of(page("alerts/")), text_of(page("alerts/?page=2"))
    assert ("1 to 4 of 7" in first, "5 to 7 of 7" in second) == (True, True)
    assert first.index("Slow checkout") < first.index("Cart apple"), "what is paused comes last"
    found = text_of(page("alerts/?q=cart+fig"))
    assert ("Cart fig" in found, "Cart peach" in found) == (True, False)
    assert "Slow checkout" not in text_of(page("alerts/?state=paused"))
    assert "No rule matches this filter." in text_of(page("alerts/?q=none-such"))
    assert page("alerts/?state=zz&page=zz").status_code == 200


def test_where_a_spark_would_be_empty_words_say_why(page, world):
    assert "nothing measured" in text_of(page("alerts/"))
    lately(world, 50, hours=2)
    assert "nothing measured" not in text_of(page("alerts/"))


@pytest.mark.parametrize(("check", "subject", "sentence"), [
    ({"kind": "HEARTBEAT"}, "certificate_days", "choose a check of an https:// address or of a TLS port"),
    ({"kind": "HTTP", "url": "http://shop.example/"}, "tls", "choose a check of an https:// address"),
    ({"kind": "DNS"}, "first_byte", "measures its response time alone"),
    ({"kind": "HTTP", "url": "https://shop.example/"}, "certificate_days", ""),
    ({"kind": "TLS"}, "certificate_days", ""),
    ({"kind": "HEARTBEAT"}, "response_time", ""),
])  # fmt: skip
def test_a_rule_on_what_a_check_never_measures_is_refused_with_the_fix(page, world, check, subject, sentence):
    row = HealthCheckFactory(environment=world.environment, name="Backup", **check)
    typed = form(world, subject=f"aspect:{subject}", health_check=row.pk)
    answer = page("alerts/rules/new/", typed)
    assert answer.status_code == (400 if sentence else 302)
    assert sentence in text_of(answer)


def test_a_spark_leaves_gaps_where_nothing_was_measured(world):
    from monitoring.selectors.alerts import SPARK_POINTS, rule_rows

    lately(world, 50, hours=6)
    points = rule_rows(AlertRule.objects.all(), now=timezone.now())[0].points
    assert len(points) == SPARK_POINTS
    assert points[0] is None
    assert points[-2] == 50


def test_a_rule_that_is_mostly_noise_says_so(page, world):
    for answer in ("NO", "NO", "YES"):
        AlertFactory(
            rule=world.rule, environment=world.environment, state="RESOLVED", resolved_at=timezone.now(), answer=answer
        )
    assert "Mostly noise" in text_of(page("alerts/"))
    assert "Mostly noise" in text_of(page(f"alerts/rules/{world.rule.pk}/"))


def test_without_rules_the_page_says_what_will_be_there(page, world):
    AlertRule.objects.all().delete()
    text = text_of(page("alerts/"))
    assert "No alert rule yet" in text
    assert "how often it would have fired last week" in text


def test_the_preview_says_how_often_a_rule_that_is_typed_would_have_fired(page, world):
    lately(world, lambda minute: 150 if 60 < minute % 480 < 90 else 50)
    text = text_of(page("alerts/rules/preview/", form(world)))
    assert "Would have fired 3 times in the last 7 d." in text
    assert "of the time only" in text
    assert AlertRule.objects.count() == 1
    assert "Would not have fired" in text_of(page("alerts/rules/preview/", form(world, threshold="200")))


def test_the_preview_of_half_a_form_says_what_is_missing(page, world):
    response = page("alerts/rules/preview/", form(world, threshold=""))
    assert response.status_code == 200
    assert "Threshold: Type a number, such as" in text_of(response)


def test_the_preview_of_an_untouched_form_complains_of_nothing(page, world):
    text = text_of(page("alerts/rules/preview/", form(world, subject="", threshold="")))
    assert "Fill in the rule" in text
    assert "Choose what it looks at" not in text


def test_the_preview_of_bounds_the_wrong_way_round_says_so(page, world):
    assert "well again while it is still beyond" in text_of(
        page("alerts/rules/preview/", form(world, clear_threshold="120"))
    )


def test_a_rule_is_saved_changed_and_deleted(page, world):
    made = page("alerts/rules/new/", form(world), follow=True)
    rule = AlertRule.objects.get(name="Checkout is slow")
    assert "is saved and is judged in a moment" in text_of(made)
    assert (rule.threshold, rule.window_seconds, rule.hold_seconds, rule.metric) == (100, 300, 300, world.metric)
    page(f"alerts/rules/{rule.pk}/edit/", form(world, threshold="120", name=""))
    rule.refresh_from_db()
    assert rule.threshold == 120
    assert rule.name.replace("\u00a0", " ") == "Mean of Checkout p95 over 5 min above 120 ms for 5 min"
    page(f"alerts/rules/{rule.pk}/delete/", {})
    assert not AlertRule.objects.filter(pk=rule.pk).exists()


def test_a_fall_is_typed_without_its_sign(page, world):
    page(
        "alerts/rules/new/", form(world, kind="RATE_OF_CHANGE", direction="BELOW", threshold="30", clear_threshold="10")
    )
    rule = AlertRule.objects.get(name="Checkout is slow")
    assert (rule.threshold, rule.clear_threshold) == (-30, -10)
    assert 'value="30"' in text_of(page(f"alerts/rules/{rule.pk}/edit/"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"subject": ""}, "Choose what it looks at."),
        ({"kind": "BURN_RATE"}, "Choose the objective whose budget it guards."),
        ({"threshold": "nan"}, "Type a number with a point"),
        ({"threshold": "1,5"}, "Type a number with a point"),
        ({"kind": "RATE_OF_CHANGE", "threshold": "-5", "clear_threshold": ""}, "without its sign"),
        ({"labels": "shop"}, "Write labels as name=value"),
        ({"labels": "shop=de, shop=at"}, "write it once"),
        ({"window_seconds": "5"}, "Write a duration with its unit"),
        ({"window_seconds": "2 d"}, "It must be between"),
        ({"name": "Slow checkout"}, "There is a rule of this name already."),
        ({"kind": "GUESS"}, "is not one of the available choices"),
        ({"subject": "metric:999999"}, "is not one of the available choices"),
    ],
)
def test_what_cannot_be_saved_is_named_beside_its_field(page, world, changes, sentence):
    response = page("alerts/rules/new/", form(world, **changes))
    assert response.status_code == 400
    assert sentence in text_of(response)


def test_a_ready_made_rule_takes_one_click(page, world):
    HealthCheckFactory(environment=world.environment)
    assert "A certificate runs out" in text_of(page("alerts/"))
    page("alerts/rules/suggested/", {"key": "checks:certificate"})
    assert AlertRule.objects.get(name="A certificate runs out").aspect == "certificate_days"
    assert "Two weeks are time enough" not in text_of(page("alerts/"))


def test_every_suggestion_can_be_taken_and_looked_at_first(page, world):
    from monitoring.selectors.suggestions import suggested_rules
    from tests.factories import MetricFactory

    HealthCheckFactory(environment=world.environment)
    for kind in ("LATENCY", "ERROR_RATE", "ERROR_COUNT", "CPU", "THROUGHPUT", "BUSINESS_COUNT", "RATIO", "OTHER"):
        MetricFactory(project=world.environment.project, kind=kind, bad_direction="UP")
    MetricFactory(project=world.environment.project, hard_limit=5, bad_direction="DOWN")
    found = suggested_rules(world.environment.project)
    assert len(found) > 10
    for one in found:
        assert page(f"alerts/rules/new/?suggestion={one.key}").status_code == 200
        page("alerts/rules/suggested/", {"key": one.key})
    assert suggested_rules(world.environment.project) == []


def test_pausing_ends_what_fires_without_proving_anything(page, world):
    alert = AlertFactory(rule=world.rule, environment=world.environment)
    page(f"alerts/rules/{world.rule.pk}/switch/", {"act": "pause"})
    alert.refresh_from_db()
    assert (alert.state, alert.ended_by) == ("RESOLVED", "PAUSED")
    page(f"alerts/rules/{world.rule.pk}/switch/", {"act": "resume"})
    assert AlertRule.objects.active().filter(pk=world.rule.pk).exists()


@pytest.mark.parametrize(("path", "sent", "sentence"), [
    ("alerts/rules/suggested/", {"key": "zz"}, "No rule was added"),
    ("alerts/rules/{rule}/switch/", {"act": "zz"}, "choose pause, resume, mute or unmute"),
    ("alerts/rules/{rule}/switch/", {"act": "resume"}, "Nothing changed: Slow checkout was so already."),
    ("alerts/{alert}/answer/", {"answer": "zz"}, "Not kept: say yes, no or too late"),
    ("alerts/{alert}/answer/", {"answer": "YES", "word": "x" * 301}, "at most 300 characters"),
])  # fmt: skip
def test_what_changes_nothing_is_said(page, world, path, sent, sentence):
    alert = AlertFactory(rule=world.rule, environment=world.environment)
    assert sentence in text_of(page(path.format(rule=world.rule.pk, alert=alert.pk), sent, follow=True))


def test_somebody_says_whether_a_firing_was_useful(page, world):
    alert = AlertFactory(rule=world.rule, environment=world.environment)
    assert "Was this useful?" in text_of(page(f"alerts/{alert.pk}/"))
    response = page(f"alerts/{alert.pk}/answer/", {"answer": "LATE", "word": "It was over.", "next": "/p/x/"})
    assert response["Location"] == "/p/x/"
    alert.refresh_from_db()
    assert (alert.answer, alert.answer_word, alert.answered_by) == ("LATE", "It was over.", page.user)
    assert "It was over." in text_of(page("alerts/history/"))


@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_an_answer_never_leads_elsewhere(page, world, wanted):
    alert = AlertFactory(rule=world.rule, environment=world.environment)
    response = page(f"alerts/{alert.pk}/answer/", {"answer": "YES", "next": wanted})
    assert response["Location"].startswith("/p/")


def test_an_alert_shows_how_it_went(page, world):
    lately(world, 150, hours=2)
    began = timezone.now() - timedelta(minutes=30)
    alert = AlertFactory(
        rule=world.rule, environment=world.environment, key=f"series:{world.series.pk}", began_at=began
    )
    text = text_of(page(f"alerts/{alert.pk}/"))
    assert "rule-pic" in text
    assert "threshold 100 ms, well again at 80 ms" in text


def test_the_history_is_narrowed_and_paged_by_the_address(page, world):
    now = timezone.now()
    for number in range(60):
        AlertFactory(rule=world.rule, environment=world.environment, began_at=now - timedelta(minutes=number),
                     state="RESOLVED", resolved_at=now, detail=f"number {number}.")  # fmt: skip
    first = text_of(page("alerts/history/"))
    assert "number 49." in first
    assert "number 50." not in first
    last = Alert.objects.order_by("-fired_at")[49]
    assert "number 50." in text_of(page(f"alerts/history/?before={last.pk}"))
    assert "Nothing has fired" in text_of(page("alerts/history/?state=firing"))
    assert page("alerts/history/?rule=x&before=y&state=z").status_code == 200


def test_an_objective_is_made_with_its_two_rules(page, world):
    check = HealthCheckFactory(environment=world.environment, name="Shop")
    typed = {"name": "Shop answers", "environment": world.environment.pk, "kind": "CHECK", "health_check": check.pk,
             "target_percent": "99.9", "window_days": "30", "guard": "on"}  # fmt: skip
    page("alerts/objectives/new/", typed)
    objective = Objective.objects.get()
    assert sorted(objective.rules.values_list("speed", flat=True)) == ["FAST", "SLOW"]
    assert "Nothing was counted for any objective" in text_of(page("alerts/objectives/"))


def test_the_budget_that_is_left_is_shown(page, world):
    from tests.factories import SeriesFactory

    objective = ObjectiveFactory(
        health_check=HealthCheckFactory(environment=world.environment), target_percent=99.0, name="Shop answers"
    )
    up = SeriesFactory(environment=world.environment, metric=None, health_check=objective.health_check, aspect="up")
    now = timezone.now().replace(second=0, microsecond=0)
    times = [now - timedelta(minutes=minute) for minute in range(1000, 0, -1)]
    store_samples([up.pk] * 1000, times, [0.0 if 100 <= place < 105 else 1.0 for place in range(1000)])
    text = text_of(page("alerts/objectives/"))
    assert "1 of 1 objective is kept" in text
    assert "99.5" in text
    assert "50 %" in text
    page(f"alerts/objectives/{objective.pk}/delete/", {})
    assert not Objective.objects.exists()


def test_viewers_see_but_do_not_touch(client, world):
    client.force_login(MembershipFactory(project=world.environment.project).user)
    base = f"/p/{world.environment.project.slug}/alerts"
    alert = AlertFactory(rule=world.rule, environment=world.environment)
    assert "New rule" not in text_of(client.get(f"{base}/"))
    assert "Too late</button>" not in text_of(client.get(f"{base}/{alert.pk}/"))
    assert client.post(f"{base}/{alert.pk}/answer/", {"answer": "YES"}).status_code == 403
    assert client.post(f"{base}/rules/{world.rule.pk}/switch/", {"act": "mute"}).status_code == 403


def test_rules_of_other_projects_are_not_there(page, world):
    other = AlertRuleFactory()
    assert page(f"alerts/rules/{other.pk}/").status_code == 404
    assert page(f"alerts/rules/{other.pk}/delete/", {}).status_code == 404
    response = page("alerts/rules/new/", form(world, subject=f"metric:{other.metric_id}"))
    assert response.status_code == 400


def test_a_rule_without_a_name_is_told_once_and_silence_can_be_understood(page, world):
    page("alerts/rules/new/", form(world, kind="ABSENCE", name="", window_seconds="10 s", hold_seconds="5 min"))
    sentence = "No samples of Checkout p95 for 10 s, and none 5 min later"
    text = text_of(page("alerts/"))
    assert sentence in text
    assert f'<div class="meta">{sentence}' not in text
