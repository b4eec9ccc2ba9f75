"""The pages of this floor: what they answer, for whom, and that every number leads to a list of that length."""

import re
from html.parser import HTMLParser

import pytest
import time_machine
from django.urls import reverse

from deployments.models import Deployment
from issues.models import Issue
from monitoring.models import HealthCheck, MonitoringPeriod, Verdict
from reports import services
from reports.models import Lesson
from support.models import Assignment
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    FindingFactory,
    IssueFactory,
    MembershipFactory,
    ProjectFactory,
    UserFactory,
)
from tests.reports.world import DAY, NOW, at, deploy, rollback_world, watch

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def world():
    world = rollback_world()
    services.summarise_deployments(now=NOW)
    return world


@pytest.fixture
def owner(client, world):
    client.force_login(world.jonas)
    return client


def page_of(world, name, *args):
    return reverse(name, args=[world.project.slug, *args])


def text_of(response):
    assert response.status_code == 200, response.status_code
    body = response.content.decode()
    main = body[body.index("<main") :] if "<main" in body else body
    return " ".join(re.sub(r"<(script|svg).*?</\1>|<[^>]+>", " ", main, flags=re.DOTALL).replace("\u00a0", " ").split())


class Links(HTMLParser):
    """Links of a page, by their text."""

    def __init__(self, response):
        super().__init__()
        self.found, self.href = [], None
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.href, self.words = dict(attrs).get("href"), ""

    def handle_data(self, data):
        if self.href is not None:
            self.words += data

    def handle_endtag(self, tag):
        if tag == "a" and self.href is not None:
            self.found.append((" ".join(self.words.split()), self.href))
            self.href = None


ALL = ["overview", "deployments", "deployment", "summary", "summaries"]


def address(world, name):
    return page_of(world, name, *([world.bad.pk] if name in ("deployment", "summary") else []))


# --- who may see what -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_member_sees_the_page(owner, world, name):
    assert owner.get(address(world, name)).status_code == 200


@pytest.mark.parametrize("name", ALL)
def test_a_stranger_finds_nothing(client, world, name):
    client.force_login(MembershipFactory(role="OWNER").user)
    assert client.get(address(world, name)).status_code == 404


@pytest.mark.parametrize("name", [*ALL, "home"])
def test_somebody_not_signed_in_is_asked_to(client, world, name):
    response = client.get("/" if name == "home" else address(world, name))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_a_deployment_of_another_project_is_not_there(owner, world):
    foreign = DeploymentFactory()
    for name in ("deployment", "summary"):
        assert owner.get(page_of(world, name, foreign.pk)).status_code == 404


# --- the first page ---------------------------------------------------------------------------------------------------


def test_home_leads_to_the_only_project(owner, world):
    assert owner.get("/")["Location"] == page_of(world, "overview")


def test_home_lists_many_projects_until_one_was_looked_at(owner, world):
    other = ProjectFactory(name="Another")
    MembershipFactory(project=other, user=world.jonas)
    assert "Another" in text_of(owner.get("/"))
    owner.get(reverse("overview", args=[other.slug]))
    assert owner.get("/")["Location"] == reverse("overview", args=[other.slug])
    assert "shop" in text_of(owner.get("/?list"))


@pytest.mark.parametrize(("is_superuser", "words"), [(True, "New project"), (False, "Ask somebody who owns one")])
def test_home_helps_somebody_without_a_project(client, is_superuser, words):
    client.force_login(UserFactory(is_superuser=is_superuser))
    assert words in text_of(client.get("/"))


# --- overview ---------------------------------------------------------------------------------------------------------


def test_the_overview_answers_in_a_sentence(owner, world):
    told = text_of(owner.get(page_of(world, "overview")))
    assert "Production is being watched after a rollback. Nothing is worse so far." in told
    assert "Watching: nothing worse so far" in told
    assert "Initial 37 of 60 min" in told
    assert "Inconclusive so far" in told


def test_a_check_that_is_down_beats_a_healthy_verdict(owner, world):
    HealthCheck.objects.filter(pk=world.checkout.pk).update(state="DOWN", state_since=NOW)
    assert "Production is not well: Checkout API is down." in text_of(owner.get(page_of(world, "overview")))


def test_a_watch_that_was_not_looked_at_is_not_called_good(owner, world):
    MonitoringPeriod.objects.get(deployment=world.good, stage="INITIAL").verdicts.all().delete()
    told = text_of(owner.get(page_of(world, "overview")))
    assert "Nothing is worse so far" not in told
    assert "Nothing has been looked at yet." in told


def test_an_environment_without_a_check_is_named_as_not_watched(owner, world):
    assert "staging : It has no check, so nothing of it is watched." in text_of(owner.get(page_of(world, "overview")))


def test_an_empty_project_shows_the_line_to_paste(client, settings):
    member = MembershipFactory(role="MAINTAINER")
    client.force_login(member.user)
    response = client.get(reverse("overview", args=[member.project.slug]))
    assert f"{settings.SITE_URL}/api/v1/deployments" in response.content.decode()
    assert "Nothing has been deployed yet." in text_of(response)


def test_every_number_of_the_overview_is_a_link(owner, world):
    links = dict(Links(owner.get(page_of(world, "overview"))).found)
    assert links["All 7"] == page_of(world, "deployments") if "All 7" in links else True
    assert links["1 critical"] == page_of(world, "issues") + "?environment=production&severity=critical"
    assert links[f"All {Deployment.objects.count()}"] == page_of(world, "deployments")
    assert links["All 3 open issues"] == page_of(world, "issues")


# --- deployments ------------------------------------------------------------------------------------------------------


def versions_in(response):
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', response.content.decode())


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ("", ["v1.42.1", "v1.42.0", "v1.43.0-rc.1", "v1.41.2"]),
        ("environment=staging", ["v1.43.0-rc.1"]),
        ("environment=Production&verdict=healthy", ["v1.41.2"]),
        ("verdict=failed", ["v1.42.0"]),
        ("version=1.42", ["v1.42.1", "v1.42.0"]),
        ("version=3f9c", ["v1.42.0"]),
        ("status=failed", []),
    ],
)
def test_the_list_is_narrowed_by_the_address(owner, world, query, versions):
    assert versions_in(owner.get(f"{page_of(world, 'deployments')}?{query}")) == versions


@pytest.mark.parametrize("query", ["status=nonsense", "verdict=great"])
def test_an_unknown_word_is_told_and_not_an_empty_list(owner, world, query):
    response = owner.get(f"{page_of(world, 'deployments')}?{query}")
    assert "There is no" in text_of(response)
    assert len(versions_in(response)) == 4


@pytest.mark.parametrize("query", ["before=x", "after=1_2", "before=1_abc", "before=" + "9" * 17 + "_" + "a" * 36])
def test_a_place_that_cannot_be_is_a_bad_request(owner, world, query):
    assert owner.get(f"{page_of(world, 'deployments')}?{query}").status_code == 400


def test_pages_follow_one_another_without_gap_or_repeat(client):
    member = MembershipFactory()
    environment = EnvironmentFactory(project=member.project)
    for n in range(120):
        deploy(environment, f"v{n}", NOW - n // 3 * DAY)
    client.force_login(member.user)
    address, seen, steps = reverse("deployments", args=[member.project.slug]), [], 0
    while address:
        response = client.get(address)
        seen += versions_in(response)
        links, steps = dict(Links(response).found), steps + 1
        address = links.get("Older", "").replace("&amp;", "&")
    assert (len(seen), len(set(seen)), steps) == (120, 120, 3)
    back = client.get(links["Newer"])
    assert versions_in(back) == seen[50:100]
    assert versions_in(client.get(dict(Links(back).found)["Newer"])) == seen[:50]


def test_an_empty_list_says_what_will_be_here(client):
    member = MembershipFactory()
    client.force_login(member.user)
    told = text_of(client.get(reverse("deployments", args=[member.project.slug])))
    assert "None has been reported yet" in told
    assert "curl -fsS -X POST" in told


# --- one deployment ---------------------------------------------------------------------------------------------------


def test_the_page_tells_the_whole_story(owner, world):
    told = text_of(owner.get(page_of(world, "deployment", world.bad.pk)))
    for words in (
        "2 of 3 metrics got worse, the error rate beyond its hard limit.",
        "It was live for 1 h 28 min, until v1.42.1 rolled it back at 10:31 .",
        "1 issue is still open",
        "Initial 60 of 60 min",
        "Extended 28 min of 72 h",
        "Checkout error rate rose 0.12 → 0.94 %",
        "Change at 40 ordinary moments",
        "Catalog p95",
        "Warehouse sync lag : No samples since Wed 22:10.",
        "ADDRESS_LOOKUP off → on",
        "Address lookup (#1187) Rolled back",
        "SHOP-142 Checkout answered 502",
        "Two more workers",
        "The rollback was decided late.",
        "Lead time 1 d 2 h",
        "L1 Level 1 15 of 15 min",
        "Summary version 1 , complete.",
    ):
        assert words in told, (words, told)


@pytest.mark.parametrize(("events", "shown"), [("comments", 1), ("escalations", 3), ("nonsense", 18), ("all", 18)])
def test_the_timeline_is_narrowed_by_the_address(owner, world, events, shown):
    response = owner.get(page_of(world, "deployment", world.bad.pk), {"events": events})
    stream = re.search(r'<ol class="stream.*?</ol>', response.content.decode(), re.DOTALL)[0]
    assert stream.count("<li") == shown


def test_the_counts_on_the_tabs_are_what_the_page_shows(owner, world):
    body = owner.get(page_of(world, "deployment", world.bad.pk)).content.decode()
    counts = dict(re.findall(r'<a href="#(\w+)">[^<]+<span class="count">(\d+)</span>', body))
    assert counts == {
        "findings": "2", "checks": "2", "blind": "6", "timeline": "18", "changes": "2", "issues": "2", "lessons": "2",
    }  # fmt: skip


def test_a_finding_with_too_little_behind_it_is_a_line_and_no_picture(owner, world):
    facts = {"reasons": ["TOO_LITTLE"], "unit": "ms"}
    FindingFactory(verdict=world.verdict, name="Search p95", result="INCONCLUSIVE", facts=facts, position=9)
    body = owner.get(page_of(world, "deployment", world.bad.pk)).content.decode()
    assert body.count('<article class="finding"') == 1
    assert "Search p95" in body


def test_of_issues_at_the_same_time_a_tier_has_the_longest_on_its_clock(owner, world):
    Assignment.objects.create(
        issue=world.umlauts, tier=world.tiers[1], reason="ROUTED", started_at=at(10, 40), ended_at=at(10, 45)
    )
    Issue.objects.filter(pk=world.umlauts.pk).update(deployment=world.bad)
    Assignment.objects.filter(issue=world.critical, tier=world.tiers[1]).update(ended_at=at(9, 21))
    told = text_of(owner.get(page_of(world, "deployment", world.bad.pk)))
    assert "L1 Level 1 7 of 15 min" in told


def test_a_verdict_that_came_late_saw_no_more_than_its_period(owner, world):
    Verdict.objects.filter(pk=world.verdict.pk).update(looked_at=at(10, 58))
    assert "over 60 min" in text_of(owner.get(page_of(world, "deployment", world.bad.pk)))


def test_without_a_check_it_does_not_say_that_nothing_is_measured(owner, world):
    told = text_of(owner.get(page_of(world, "deployment", world.candidate.pk)))
    assert "staging has no check, so nobody asks whether it answers." in told
    assert "no verdict can be healthy" not in told


def test_what_could_not_be_judged_when_the_watch_is_over_is_not_promised(owner, world):
    world.verdict.findings.all().delete()
    told = text_of(owner.get(page_of(world, "deployment", world.bad.pk)))
    assert "Nothing could be judged. 2 of 3 metrics got worse" in told
    assert "will be here. Nothing could be judged" not in told


def test_lines_of_the_table_come_in_the_order_of_what_matters(owner, world):
    for position, (name, result) in enumerate((("Gone", "INCONCLUSIVE"), ("Faster", "IMPROVED")), 10):
        reasons = {"reasons": ["GONE_SILENT"]} if result == "INCONCLUSIVE" else {}
        FindingFactory(verdict=world.verdict, name=name, key=name, result=result, facts=reasons, position=position,
                       sentence=f"{name} stopped: no values of late.")  # fmt: skip
    told = text_of(owner.get(page_of(world, "deployment", world.bad.pk)))
    assert told.index("Stopped: no values of late.") < told.index("Faster")
    assert "Gone stopped" not in told[: told.index("Not watched or not judged")]


@pytest.mark.parametrize(("change", "is_told"), [(90, True), (2, False)])
def test_a_large_change_that_is_called_ordinary_says_why(owner, world, change, is_told):
    facts = {"reasons": ["ORDINARY"], "before": 100, "after": 100 + change, "change": change,
             "smallest_visible_change": 6}  # fmt: skip
    FindingFactory(verdict=world.verdict, name="Restless", key="r", result="UNCHANGED", facts=facts, position=9)
    told = text_of(owner.get(page_of(world, "deployment", world.bad.pk)))
    assert ("Restless Ordinary moments change as much" in told) is is_told


def test_it_polls_while_the_watch_runs_and_stops_when_it_is_over(owner, world):
    assert "hx-trigger" in owner.get(page_of(world, "deployment", world.good.pk)).content.decode()
    assert "hx-trigger" not in owner.get(page_of(world, "deployment", world.bad.pk)).content.decode()


@pytest.mark.parametrize("name", ["overview", "deployments", "deployment"])
def test_an_unchanged_live_part_is_answered_with_304(owner, world, name):
    part = {"overview": "overview", "deployments": "deployments", "deployment": "live"}[name]
    where = page_of(world, name, *([world.good.pk] if name == "deployment" else []))
    headers = {"HX-Request": "true", "HX-Target": part}
    first = owner.get(where, headers=headers)
    assert first.content.strip().startswith(b"<div")
    assert b"<html" not in first.content
    again = owner.get(where, headers=headers | {"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    IssueFactory(project=world.project, environment=world.production, deployment=world.good, title="New one")
    changed = owner.get(where, headers=headers | {"If-None-Match": first["ETag"]})
    assert (changed.status_code, changed["ETag"] != first["ETag"]) == (200, True)


def test_hostile_names_are_text_on_every_page(owner, world):
    name = "<script>alert(1)</script>\"'>{{ 1|add:1 }}"
    hostile = deploy(world.production, name, NOW, deployed_by=name, description=name, external_id=name)
    watch(hostile, initial=None, extended=None)
    hostile.system_changes.create(component=name, description=name)
    services.summarise_deployments(now=NOW)
    for page in (
        page_of(world, "overview"),
        page_of(world, "deployments"),
        page_of(world, "deployment", hostile.pk),
        page_of(world, "summary", hostile.pk),
        page_of(world, "summaries"),
    ):
        body = owner.get(page).content.decode()
        assert "<script>alert" not in body
        assert "&lt;script&gt;alert(1)" in body


# --- lessons ----------------------------------------------------------------------------------------------------------


def test_a_responder_writes_a_lesson(client, world):
    client.force_login(world.aylin)
    where = page_of(world, "lesson_add", world.good.pk)
    response = client.post(where, {"category": "BEST_PRACTICES", "text": "Roll back first."})
    assert response["Location"] == page_of(world, "deployment", world.good.pk) + "#lessons"
    lesson = Lesson.objects.get(deployment=world.good)
    assert (lesson.category, lesson.text, lesson.author) == ("BEST_PRACTICES", "Roll back first.", world.aylin)


@pytest.mark.parametrize("form", [{"category": "BEST_PRACTICES", "text": " "}, {"category": "x", "text": "y"}, {}])
def test_a_lesson_that_cannot_be_kept_comes_back_with_what_is_wrong(client, world, form):
    client.force_login(world.aylin)
    response = client.post(page_of(world, "lesson_add", world.good.pk), form)
    assert response.status_code == 400
    assert b"data-error-summary" in response.content
    assert not Lesson.objects.filter(deployment=world.good).exists()


def test_a_viewer_reads_lessons_and_writes_none(client, world):
    viewer = MembershipFactory(project=world.project, role="VIEWER").user
    client.force_login(viewer)
    assert b"lesson-form" not in client.get(page_of(world, "deployment", world.bad.pk)).content
    form = {"category": "BEST_PRACTICES", "text": "x"}
    assert client.post(page_of(world, "lesson_add", world.bad.pk), form).status_code == 403


# --- summaries --------------------------------------------------------------------------------------------------------


def test_the_summary_stands_on_paper_with_its_files(owner, world):
    response = owner.get(page_of(world, "summary", world.bad.pk))
    assert "Deployment Summary Project shop Version v1.42.0 Date 19 November 2026" in text_of(response)
    for ending in ("md", "html", "json"):
        link = page_of(world, "summary_export", world.bad.pk, ending) + "?version=1"
        assert (b'href="%s"' % link.encode()) in response.content
        assert owner.get(link).status_code == 200


def test_people_get_the_same_bytes_as_pipelines(owner, world):
    response = owner.get(page_of(world, "summary_export", world.bad.pk, "html"))
    assert "'sha256-" in response["Content-Security-Policy"]
    again = owner.get(
        page_of(world, "summary_export", world.bad.pk, "html"), headers={"If-None-Match": response["ETag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize("query", ["version=9", "version=x", "version=-1"])
def test_a_version_that_is_not_there_is_404(owner, world, query):
    assert owner.get(page_of(world, "summary", world.bad.pk) + f"?{query}").status_code == 404


def test_an_unknown_format_is_404(owner, world):
    assert owner.get(page_of(world, "summary_export", world.bad.pk, "pdf")).status_code == 404


def test_a_summary_that_is_not_written_yet_says_when_it_will_be(owner, world):
    running = DeploymentFactory(environment=world.production, status="RUNNING", finished_at=None)
    assert "within seconds of the deployment's end" in text_of(
        owner.get(page_of(world, "summary", running.pk))
    ).replace("&#x27;", "'")


def test_the_list_of_summaries_names_status_verdict_and_files(owner, world):
    told = text_of(owner.get(page_of(world, "summaries")))
    assert "v1.42.0 production Failure Failed 2 , 1 outstanding" in told
    assert "Markdown HTML JSON" in told
    assert "v1.42.0" not in text_of(owner.get(page_of(world, "summaries") + "?environment=staging"))
