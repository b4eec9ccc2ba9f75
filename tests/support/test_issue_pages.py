"""The issue log, and the page of one issue."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deployments.models import Role
from issues import services as issues
from issues.models import Issue
from issues.services import Actor
from support import services
from tests.factories import (
    DeploymentFactory,
    EnvironmentFactory,
    IssueFactory,
    ProjectFactory,
)
from tests.issues.builders import HOUR, MINUTE, NOON, make_check, make_outage

pytestmark = pytest.mark.django_db


def text_of(response):
    return response.content.decode()


def shown_references(response):
    return re.findall(r'<td class="nowrap"><a [^>]*>(SHOP-\d+)</a>', text_of(response))


def post(client, path, **values):
    return client.post(f"/p/shop/issues/{path}", values)


# --- the log


def test_the_log_has_the_sections_of_the_process_worst_first(client, project):
    for severity in ("MINOR", "CRITICAL", "MAJOR", "CRITICAL"):
        IssueFactory(project=project, severity=severity)
    response = client.get("/p/shop/issues/")
    assert shown_references(response) == ["SHOP-4", "SHOP-2", "SHOP-3", "SHOP-1"]
    titles = re.findall(
        r"(\w+ issues) <a class=\"count\"[^>]*>(\d+)<|</svg>(\w+ issues)</span> <a[^>]*>(\d+)", text_of(response)
    )
    assert [part for title in titles for part in title if part] == [
        "Critical issues", "2", "Major issues", "1", "Minor issues", "1",
    ]  # fmt: skip
    assert "4 issues are open: 2 critical, 1 major, 1 minor." in text_of(response)


def test_every_count_is_the_length_of_the_list_it_links_to(client, project):
    IssueFactory(project=project, severity="CRITICAL", owner=client.user, status="ASSIGNED")
    IssueFactory(project=project, severity="MINOR")
    IssueFactory(project=project, status="RESOLVED", resolved_at=NOON, severity="MAJOR")
    IssueFactory(project=project, status="VERIFIED", resolved_at=NOON)
    page = text_of(client.get("/p/shop/issues/"))
    links = re.findall(r'href="(\?[^"]*)"[^>]*>[^<]*<span class="count">(\d+)', page)
    links += re.findall(r'class="count" href="(\?[^"]*)">(\d+)', page)
    assert len(links) == 8
    for query, count in links:
        found = client.get("/p/shop/issues/" + query.replace("&amp;", "&"))
        assert len(shown_references(found)) == int(count), query


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("severity=critical", ["SHOP-1"]),
        ("environment=production", ["SHOP-1"]),
        ("q=late", ["SHOP-2"]),
        ("q=SHOP-1", ["SHOP-1"]),
        ("tier=L2", ["SHOP-2"]),
        ("status=identified", ["SHOP-1", "SHOP-2"]),
        ("status=unowned", ["SHOP-1", "SHOP-2"]),
        ("status=mine", []),
    ],
)
def test_the_filter_stands_in_the_address(client, project, query, expected):
    IssueFactory(project=project, severity="CRITICAL", environment=EnvironmentFactory(project=project))
    late = IssueFactory(project=project, title="Mails are late")
    services.escalate_by_hand(issue_id=late.pk, note="x", actor=Actor.token("x"), now=NOON)
    assert shown_references(client.get(f"/p/shop/issues/?{query}")) == expected


@pytest.mark.parametrize("query", ["status=done", "severity=awful", "tier=L9", "deployment=x", "after=x", "q=%00"])
def test_what_the_filter_cannot_read_is_told_and_left_out(client, project, query):
    IssueFactory(project=project)
    response = client.get(f"/p/shop/issues/?{query}")
    assert response.status_code == 200
    assert "This part of the filter was left out." in text_of(response)
    assert shown_references(response) == ["SHOP-1"]


def test_a_long_log_goes_on_on_the_next_page(client, project, monkeypatch):
    monkeypatch.setattr("support.selectors.log.PAGE", 2)
    for severity in ("MINOR", "MAJOR", "CRITICAL"):
        IssueFactory(project=project, severity=severity)
    first = client.get("/p/shop/issues/")
    assert shown_references(first) == ["SHOP-3", "SHOP-2"]
    following = re.search(r'rel="next" href="([^"]*)"', text_of(first)).group(1)
    assert shown_references(client.get(following)) == ["SHOP-1"]


def test_an_empty_log_says_what_will_be_here_and_shows_the_line_to_paste(client, project):
    page = text_of(client.get("/p/shop/issues/"))
    assert "Nothing is open." in page
    assert "curl -fsS -X POST http://127.0.0.1:8000/api/v1/issues" in page


def test_the_log_takes_as_many_queries_for_many_issues_as_for_few(client, project):
    def count():
        with CaptureQueriesContext(connection) as captured:
            client.get("/p/shop/issues/")
        return len(captured)

    for _ in range(2):
        IssueFactory(project=project, environment=EnvironmentFactory(project=project, name=f"e{_}"))
    services.route_issues(now=NOON)
    count()
    few = count()
    for n in range(10):
        IssueFactory(project=project, environment=EnvironmentFactory(project=project, name=f"f{n}"))
    services.route_issues(now=NOON)
    assert count() == few


def test_the_live_part_is_sent_alone_and_only_when_it_changed(client, project):
    IssueFactory(project=project)
    poll = {"HX-Request": "true", "HX-Target": "issue-log"}
    part = client.get("/p/shop/issues/", headers=poll)
    assert text_of(part).strip().startswith('<div id="issue-log"')
    again = client.get("/p/shop/issues/", headers=poll | {"If-None-Match": part["ETag"]})
    assert again.status_code == 304
    IssueFactory(project=project)
    assert client.get("/p/shop/issues/", headers=poll | {"If-None-Match": part["ETag"]}).status_code == 200


# --- one issue


def test_an_issue_tells_where_it_stands_and_who_has_it(client, project):
    deployment = DeploymentFactory(environment=EnvironmentFactory(project=project), version="v1.42.0", finished_at=NOON)
    check = make_check(deployment.environment, name="checkout")
    make_outage(check, began_at=NOON + MINUTE)
    issues.open_issues(now=NOON + 3 * MINUTE)
    services.route_issues(now=NOON + 3 * MINUTE)
    services.escalate_overdue(now=NOON + HOUR)
    page = text_of(client.get("/p/shop/issues/SHOP-1/"))
    for words in (
        "checkout is down in production",
        "Identification", "Assessment", "Assignment", "Resolution", "Verification",
        "Is it gone?",
        "ran out, escalated",
        "From L1 to L2",
        "not called yet",
    ):  # fmt: skip
        assert words in page, words


def test_a_lower_case_reference_leads_to_the_issue(client, project):
    IssueFactory(project=project)
    assert client.get("/p/shop/issues/shop-1/")["Location"] == "/p/shop/issues/SHOP-1/"


@pytest.mark.parametrize("reference", ["SHOP-2", "OTHER-1", "SHOP-x", "1", "SHOP-99999999999", "SHOP-"])
def test_an_unknown_issue_is_not_found(client, project, reference):
    IssueFactory(project=project)
    assert client.get(f"/p/shop/issues/{reference}/").status_code == 404


def test_the_issue_of_another_project_is_not_found(client, project):
    other = IssueFactory(project=ProjectFactory(slug="other", issue_prefix="SHOP"))
    assert client.get(f"/p/other/issues/{other.reference}/").status_code == 404
    assert client.get(f"/p/shop/issues/{other.reference}/").status_code == 404


def test_taking_assessing_and_resolving_it_are_plain_posts(client, project):
    IssueFactory(project=project)
    assert (
        post(client, "SHOP-1/move/", status="ASSESSED", severity="CRITICAL", impact="33 orders lost").status_code == 302
    )
    assert post(client, "SHOP-1/move/", status="ASSIGNED", owner=client.user.pk).status_code == 302
    assert post(client, "SHOP-1/move/", status="RESOLVED", resolution="Rolled back.").status_code == 302
    issue = Issue.objects.get()
    assert (issue.severity, issue.impact, issue.owner, issue.status) == (
        "CRITICAL", "33 orders lost", client.user, "RESOLVED",
    )  # fmt: skip
    assert "Rolled back." in text_of(client.get("/p/shop/issues/SHOP-1/"))


def test_a_refused_move_keeps_what_was_typed_and_says_why(client, project):
    IssueFactory(project=project, status="RESOLVED", resolved_at=NOON)
    response = post(client, "SHOP-1/move/", status="IDENTIFIED", reason=" ")
    assert response.status_code == 400
    assert "Say why it is reopened." in text_of(response)
    assert post(client, "SHOP-1/move/", status="VERIFIED", reason="x").status_code == 403
    assert post(client, "SHOP-1/move/", status="NONSENSE").status_code == 409
    assert post(client, "SHOP-1/move/", status="ASSIGNED", owner="999999").status_code == 409


def test_a_move_from_an_old_page_shows_both_values(client, project):
    issue = IssueFactory(project=project)
    issues.edit_issue(issue_id=issue.pk, changes={"impact": "x"}, revision=None, actor=Actor.token("x"), now=NOON)
    response = post(client, "SHOP-1/move/", status="RESOLVED", resolution="Mine", revision=1)
    assert response.status_code == 409
    assert "Somebody else changed this in the meantime" in text_of(response)
    assert "Mine" in text_of(response)
    revision = re.search(r'name="revision" value="(\d+)"', text_of(response)).group(1)
    assert post(client, "SHOP-1/move/", status="RESOLVED", resolution="Mine", revision=revision).status_code == 302


def test_a_maintainer_verifies_with_a_reason(maintainer, project):
    IssueFactory(project=project, status="RESOLVED", resolved_at=NOON)
    assert "Why it counts as verified without measurement" in text_of(maintainer.get("/p/shop/issues/SHOP-1/"))
    post(maintainer, "SHOP-1/move/", status="VERIFIED", reason="The customer confirmed it.")
    assert Issue.objects.get().status == "VERIFIED"


def test_two_browsers_edit_the_same_issue(client, project):
    IssueFactory(project=project, title="Old")
    form = {"title": "Mine", "severity": "MAJOR", "revision": "1"}
    post(client, "SHOP-1/edit/", **form | {"title": "Theirs"})
    response = post(client, "SHOP-1/edit/", **form)
    assert response.status_code == 409
    for value in ("Theirs", "Mine", 'name="revision" value="2"'):
        assert value in text_of(response)
    assert post(client, "SHOP-1/edit/", **form | {"revision": "2"}).status_code == 302
    assert Issue.objects.get().title == "Mine"


def test_a_bad_edit_names_the_field(client, project):
    IssueFactory(project=project)
    response = post(client, "SHOP-1/edit/", title="", severity="AWFUL", revision="1")
    assert response.status_code == 400
    assert "data-error-summary" in text_of(response)


def test_an_update_is_shown_as_text_not_as_markup(client, project):
    IssueFactory(project=project)
    post(client, "SHOP-1/comment/", text="<script>alert(1)</script>\nsecond line")
    page = text_of(client.get("/p/shop/issues/SHOP-1/"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>second line" in page
    assert post(client, "SHOP-1/comment/", text="").status_code == 400


def test_escalating_by_hand_needs_a_note(client, project):
    IssueFactory(project=project)
    assert post(client, "SHOP-1/escalate/", note="").status_code == 400
    assert post(client, "SHOP-1/escalate/", note="x" * 301).status_code == 400
    assert post(client, "SHOP-1/escalate/", note="Needs the database team.").status_code == 302
    assert "Needs the database team." in text_of(client.get("/p/shop/issues/SHOP-1/"))


def test_a_new_issue_is_opened_from_the_form(client, project):
    deployment = DeploymentFactory(environment=EnvironmentFactory(project=project))
    assert deployment.version in text_of(client.get(f"/p/shop/issues/new/?deployment={deployment.pk}"))
    assert client.get("/p/shop/issues/new/?deployment=nonsense").status_code == 200
    response = post(client, "new/", title="Mails are late", severity="MINOR", deployment=deployment.pk)
    assert response["Location"] == "/p/shop/issues/SHOP-1/"
    assert Issue.objects.get().environment == deployment.environment


def test_a_foreign_deployment_cannot_be_chosen(client, project):
    response = post(client, "new/", title="x", severity="MINOR", deployment=DeploymentFactory().pk)
    assert response.status_code == 400


def test_a_viewer_reads_and_changes_nothing(sign_in, project):
    viewer = sign_in(Role.VIEWER)
    IssueFactory(project=project)
    page = text_of(viewer.get("/p/shop/issues/SHOP-1/"))
    assert "Post update" not in page
    assert "Take it" not in page
    for path in ("SHOP-1/move/", "SHOP-1/comment/", "SHOP-1/escalate/", "SHOP-1/edit/", "new/"):
        assert post(viewer, path, text="x", status="RESOLVED").status_code == 403


def test_polling_an_issue_with_its_forms_is_unchanged_until_something_happens(client, project):
    IssueFactory(project=project)
    poll = {"HX-Request": "true", "HX-Target": "issue-page"}
    part = client.get("/p/shop/issues/SHOP-1/", headers=poll)
    assert client.get("/p/shop/issues/SHOP-1/", headers=poll | {"If-None-Match": part["ETag"]}).status_code == 304
    post(client, "SHOP-1/comment/", text="news")
    assert client.get("/p/shop/issues/SHOP-1/", headers=poll | {"If-None-Match": part["ETag"]}).status_code == 200
