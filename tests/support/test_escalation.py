import pytest

from issues import services as issues
from issues.models import Issue
from issues.services import Actor
from support import services
from support.models import Assignment, RoutingRule, SupportTier, TierMember
from support.services import EscalationRefused
from tests.at_once import at_once
from tests.factories import IssueFactory, ProjectFactory, UserFactory
from tests.issues.builders import HOUR, MINUTE, NOON

pytestmark = pytest.mark.django_db
ACTOR = Actor.token("pipeline")


@pytest.fixture
def issue():
    return IssueFactory(severity="CRITICAL", opened_at=NOON)


def current(issue):
    return Assignment.objects.current().get(issue=issue)


def path_of(issue):
    return [(a.tier.label, a.reason) for a in issue.assignments.select_related("tier")]


def test_a_project_gets_the_tiers_of_the_process_with_its_duties():
    tiers = services.ensure_tiers(ProjectFactory())
    assert [tier.label for tier in tiers] == ["L1", "L2", "L3", "User Support", "Process Support"]
    assert tiers[0].duty_list == ["User assistance", "Basic issues", "Documentation", "Escalation"]
    assert tiers[4].duty_list == ["Workflow issues", "Business rules", "Data questions", "Reports"]
    assert [tier.clock_seconds for tier in tiers[:2]] == [900, 7200]


def test_tiers_are_made_once_and_keep_what_was_changed():
    project = ProjectFactory()
    services.save_tier(services.ensure_tiers(project)[0], clock_seconds=60)
    assert services.ensure_tiers(project)[0].clock_seconds == 60
    assert SupportTier.objects.count() == 5


def test_a_new_issue_goes_to_l1_and_its_clock_starts(issue):
    assert services.route_issues(now=NOON) == 1
    assert path_of(issue) == [("L1", "ROUTED")]
    assert current(issue).escalate_at == NOON + 15 * MINUTE
    assert issue.events.get().text == "Routed to L1: critical issues go there."


def test_routing_twice_changes_nothing(issue):
    services.route_issues(now=NOON)
    assert services.route_issues(now=NOON + MINUTE) == 0
    assert (Assignment.objects.count(), issue.events.count()) == (1, 1)


def test_a_rule_sends_a_severity_elsewhere(issue):
    tier = services.ensure_tiers(issue.project)[1]
    services.save_rules(issue.project, tiers={"CRITICAL": tier})
    services.save_rules(issue.project, tiers={"CRITICAL": tier})
    services.route_issues(now=NOON)
    assert current(issue).tier == tier
    assert RoutingRule.objects.count() == 1


def test_a_clock_that_ran_out_hands_the_issue_to_the_next_tier(issue):
    services.route_issues(now=NOON)
    assert services.escalate_overdue(now=NOON + 14 * MINUTE) == 0
    assert services.escalate_overdue(now=NOON + 15 * MINUTE) == 1
    assert path_of(issue) == [("L1", "ROUTED"), ("L2", "FUNCTIONAL_ESCALATION")]
    assert issue.events.last().text == "From L1 to L2: the 15\u00a0min clock ran out."
    assert issue.assignments.first().ended_at == NOON + 15 * MINUTE


def test_escalating_twice_at_the_same_time_moves_one_tier(issue):
    services.route_issues(now=NOON)
    assert services.escalate_overdue(now=NOON + 15 * MINUTE) == 1
    assert services.escalate_overdue(now=NOON + 15 * MINUTE) == 0
    assert current(issue).tier.label == "L2"


def test_after_three_hours_of_silence_only_the_next_tier_is_called_and_told_why(issue):
    services.route_issues(now=NOON)
    late = NOON + 3 * HOUR + 15 * MINUTE
    services.escalate_overdue(now=late)
    services.escalate_overdue(now=late)
    assignment = current(issue)
    assert (assignment.tier.label, assignment.note) == ("L2", "delayed by 3\u00a0h")
    assert assignment.escalate_at == late + 2 * HOUR
    assert issue.events.last().text == "From L1 to L2: the 15\u00a0min clock ran out, delayed by 3\u00a0h."


def test_no_tier_is_skipped_and_the_last_one_keeps_it(issue):
    services.route_issues(now=NOON)
    for hours in (1, 4, 8, 24):
        services.escalate_overdue(now=NOON + hours * HOUR)
    assert [label for label, _ in path_of(issue)] == ["L1", "L2", "L3"]
    assert current(issue).escalate_at is None


def test_a_resolved_issue_leaves_its_tier_and_a_reopened_one_is_routed_again(issue):
    services.route_issues(now=NOON)
    issues.move_issue(
        issue_id=issue.pk, status="RESOLVED", resolution="Rolled back.", actor=ACTOR, now=NOON + 5 * MINUTE
    )
    assert services.escalate_overdue(now=NOON + HOUR) == 0
    assert services.route_issues(now=NOON + HOUR) == 1
    assert issue.assignments.get().ended_at == NOON + 5 * MINUTE
    issues.move_issue(issue_id=issue.pk, status="IDENTIFIED", reason="It came back.", actor=ACTOR, now=NOON + 2 * HOUR)
    services.route_issues(now=NOON + 2 * HOUR)
    assert [label for label, _ in path_of(issue)] == ["L1", "L1"]
    assert current(issue).escalate_at == NOON + 2 * HOUR + 15 * MINUTE


def test_a_reopened_issue_goes_back_to_the_tier_that_had_it(issue):
    services.route_issues(now=NOON)
    services.escalate_overdue(now=NOON + 20 * MINUTE)
    issues.move_issue(issue_id=issue.pk, status="RESOLVED", resolution="Rolled back.", actor=ACTOR, now=NOON + HOUR)
    services.route_issues(now=NOON + HOUR)
    issues.move_issue(issue_id=issue.pk, status="IDENTIFIED", reason="It came back.", actor=ACTOR, now=NOON + 2 * HOUR)
    services.route_issues(now=NOON + 2 * HOUR)
    assert [label for label, _ in path_of(issue)] == ["L1", "L2", "L2"]
    assert issue.events.filter(text="Back to L2, which had it last.").exists()


def test_a_person_escalates_before_the_clock_and_says_why(issue):
    services.route_issues(now=NOON)
    actor = Actor.token("pipeline")
    services.escalate_by_hand(issue_id=issue.pk, note="Needs the database team.", actor=actor, now=NOON + MINUTE)
    assert path_of(issue)[-1] == ("L2", "HIERARCHICAL_ESCALATION")
    assert issue.events.last().text == "From L1 to L2 by hand: Needs the database team."


def test_an_issue_that_is_not_routed_yet_skips_its_first_tier_when_escalated(issue):
    services.escalate_by_hand(issue_id=issue.pk, note="Urgent.", actor=ACTOR, now=NOON)
    assert services.route_issues(now=NOON) == 0
    assert current(issue).tier.label == "L2"


@pytest.mark.parametrize(
    ("status", "note", "words"), [("VERIFIED", "x", "reopen it first"), ("ASSIGNED", " ", "needs to know")]
)
def test_an_escalation_by_hand_is_refused_with_a_sentence(status, note, words):
    issue = IssueFactory(status=status, resolved_at=NOON)
    with pytest.raises(EscalationRefused, match=words):
        services.escalate_by_hand(issue_id=issue.pk, note=note, actor=ACTOR, now=NOON)


def test_nobody_comes_after_the_last_tier(issue):
    for _ in range(2):
        services.escalate_by_hand(issue_id=issue.pk, note="Up.", actor=ACTOR, now=NOON)
    with pytest.raises(EscalationRefused, match="L3 is the last tier"):
        services.escalate_by_hand(issue_id=issue.pk, note="Up.", actor=ACTOR, now=NOON)
    assert current(issue).tier.label == "L3"


def test_one_poison_issue_never_stops_the_others(issue, monkeypatch, caplog):
    poison = IssueFactory(opened_at=NOON - HOUR)
    real = services.escalation.first_tier

    def first(row):
        if row.pk == poison.pk:
            raise ValueError("bad row")
        return real(row)

    monkeypatch.setattr(services.escalation, "first_tier", first)
    assert services.route_issues(now=NOON) == 1
    assert current(issue)
    assert "bad row" in caplog.text


def test_members_are_exactly_those_that_were_chosen(issue):
    tier, one, other = services.ensure_tiers(issue.project)[0], UserFactory(), UserFactory()
    services.set_members(tier, users=[one])
    services.set_members(tier, users=[other, other])
    assert [member.user for member in TierMember.objects.all()] == [other]


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_route_and_escalate_each_issue_once():
    project = ProjectFactory()
    for _ in range(5):
        IssueFactory(project=project, opened_at=NOON)
    at_once(lambda: services.route_issues(now=NOON), 4)
    services.route_issues(now=NOON)  # what was locked by the other is done on the next beat
    assert Assignment.objects.count() == 5
    at_once(lambda: services.escalate_overdue(now=NOON + 20 * MINUTE), 4)
    services.escalate_overdue(now=NOON + 20 * MINUTE)
    assert Assignment.objects.count() == 10
    assert all(current(issue).tier.label == "L2" for issue in Issue.objects.all())


def test_an_escalation_that_lost_the_race_changes_nothing(issue, monkeypatch):
    services.route_issues(now=NOON)
    real = services.escalation._lock

    def escalated_meanwhile(pk):
        monkeypatch.setattr(services.escalation, "_lock", real)
        services.escalate_overdue(now=NOON + 20 * MINUTE)
        return real(pk)

    monkeypatch.setattr(services.escalation, "_lock", escalated_meanwhile)
    assert services.escalate_overdue(now=NOON + 20 * MINUTE) == 0
    assert [label for label, _ in path_of(issue)] == ["L1", "L2"]
