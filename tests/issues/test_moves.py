import pytest

from deployments.models import Role
from issues import services
from issues.models import Issue
from issues.services import Actor, Conflict, IssueRefused
from tests.factories import DeploymentFactory, IssueFactory, MembershipFactory, UserFactory
from tests.issues.builders import MINUTE, NOON

pytestmark = pytest.mark.django_db
API = Actor.token("pipeline")


@pytest.fixture
def issue():
    return IssueFactory()


@pytest.fixture
def responder(issue):
    return MembershipFactory(project=issue.project, role=Role.RESPONDER).user


def move(issue, status, actor=API, **given):
    return services.move_issue(issue_id=issue.pk, status=status, actor=actor, now=NOON, **given)


def test_it_assigns_to_a_responder_and_tells_it(issue, responder):
    moved = move(issue, "ASSIGNED", owner=responder)
    assert (moved.status, moved.owner, moved.revision) == ("ASSIGNED", responder, 2)
    event = issue.events.get()
    assert (event.kind, event.actor_name) == ("MOVED", "pipeline (API)")
    assert event.changes == {"status": ["IDENTIFIED", "ASSIGNED"], "owner": [None, responder.display_name]}


def test_an_owner_must_be_a_responder_of_the_project(issue):
    viewer = MembershipFactory(project=issue.project, role=Role.VIEWER).user
    for stranger in (viewer, UserFactory()):
        with pytest.raises(IssueRefused, match="is not a responder") as refused:
            move(issue, "ASSIGNED", owner=stranger)
        assert refused.value.field == "owner"


def test_resolving_needs_a_text_and_keeps_the_time(issue):
    with pytest.raises(IssueRefused) as refused:
        move(issue, "RESOLVED")
    assert refused.value.field == "resolution"
    moved = move(issue, "RESOLVED", resolution="Rolled back.")
    assert (moved.resolution, moved.resolved_at) == ("Rolled back.", NOON)


def test_a_refused_move_changes_nothing(issue):
    with pytest.raises(IssueRefused):
        move(issue, "VERIFIED")
    issue.refresh_from_db()
    assert (issue.status, issue.revision, issue.events.count()) == ("IDENTIFIED", 1, 0)


def test_a_maintainer_verifies_with_a_reason(issue):
    move(issue, "RESOLVED", resolution="Rolled back.")
    maintainer = Actor.person(UserFactory(), Role.MAINTAINER)
    moved = move(issue, "VERIFIED", actor=maintainer, reason="The customer confirmed it.")
    assert moved.verified_at == NOON


def test_reopening_starts_again_and_keeps_the_old_resolution_in_the_story(issue, responder):
    move(issue, "RESOLVED", resolution="Restarted.")
    moved = move(issue, "ASSIGNED", owner=responder, reason="It came back.")
    assert (moved.status, moved.resolution, moved.resolved_at) == ("ASSIGNED", "", None)
    event = issue.events.last()
    assert (event.kind, event.text, event.changes["resolution"]) == ("REOPENED", "It came back.", ["Restarted.", ""])


def test_a_verified_issue_is_not_reopened_beside_a_newer_one_of_the_same_problem(issue):
    issue = IssueFactory(project=issue.project, fingerprint="f", status="VERIFIED", resolved_at=NOON, verified_at=NOON)
    IssueFactory(project=issue.project, fingerprint="f")
    with pytest.raises(IssueRefused, match="newer open issue"):
        move(issue, "IDENTIFIED", reason="It came back.")
    issue.refresh_from_db()
    assert issue.status == "VERIFIED"


def test_giving_an_issue_back_takes_its_owner_away(responder):
    issue = IssueFactory(project=responder.memberships.get().project, impact="33 orders lost")
    move(issue, "ASSIGNED", owner=responder)
    assert move(issue, "ASSESSED").owner is None


def test_an_old_revision_is_a_conflict_that_shows_both_values(issue):
    services.edit_issue(issue_id=issue.pk, changes={"title": "Theirs"}, revision=1, actor=API, now=NOON)
    with pytest.raises(Conflict) as conflict:
        services.edit_issue(issue_id=issue.pk, changes={"title": "Mine"}, revision=1, actor=API, now=NOON)
    assert (conflict.value.theirs, conflict.value.yours) == ({"title": "Theirs"}, {"title": "Mine"})
    assert Issue.objects.get().title == "Theirs"


def test_a_move_from_an_old_page_is_a_conflict(issue, responder):
    move(issue, "ASSIGNED", owner=responder, revision=1)
    with pytest.raises(Conflict) as conflict:
        move(issue, "RESOLVED", resolution="Done.", revision=1)
    assert conflict.value.theirs == {"status": "ASSIGNED", "resolution": ""}


def test_an_edit_that_changes_nothing_leaves_no_trace(issue):
    services.edit_issue(issue_id=issue.pk, changes={"title": issue.title}, revision=1, actor=API, now=NOON)
    issue.refresh_from_db()
    assert (issue.revision, issue.events.count()) == (1, 0)


def test_an_edit_tells_each_field_before_and_after(issue):
    services.edit_issue(
        issue_id=issue.pk, changes={"impact": "33 orders lost", "plan": "Cache it"}, revision=1, actor=API, now=NOON
    )
    event = issue.events.get()
    assert event.text == "Changed impact and plan."
    assert event.changes == {"impact": ["", "33 orders lost"], "plan": ["", "Cache it"]}


def test_the_deployment_of_another_project_is_refused(issue):
    with pytest.raises(IssueRefused, match="not one of"):
        services.edit_issue(
            issue_id=issue.pk, changes={"deployment": DeploymentFactory()}, revision=None, actor=API, now=NOON
        )


def test_the_status_is_not_edited(issue):
    with pytest.raises(IssueRefused, match="move the issue instead"):
        services.edit_issue(issue_id=issue.pk, changes={"status": "VERIFIED"}, revision=1, actor=API, now=NOON)


def test_a_comment_joins_the_story_and_leaves_the_revision_alone(issue):
    services.comment(issue_id=issue.pk, text="  Looking into it. ", actor=API, now=NOON)
    issue.refresh_from_db()
    assert (issue.events.get().text, issue.revision) == ("Looking into it.", 1)
    with pytest.raises(IssueRefused):
        services.comment(issue_id=issue.pk, text="  ", actor=API, now=NOON + MINUTE)
