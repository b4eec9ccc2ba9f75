import pytest

from issues import process
from issues.process import Move, refusal


def move(current, target, role="RESPONDER", **given):
    return refusal(Move(current, target, role, **given))


@pytest.mark.parametrize(
    ("current", "target", "given"),
    [
        ("IDENTIFIED", "ASSESSED", {"has_impact": True}),
        ("IDENTIFIED", "ASSIGNED", {"has_owner": True}),
        ("IDENTIFIED", "RESOLVED", {"resolution": "Rolled back."}),
        ("ASSESSED", "ASSIGNED", {"has_owner": True}),
        ("ASSESSED", "RESOLVED", {"resolution": "Rolled back."}),
        ("ASSIGNED", "RESOLVED", {"resolution": "Rolled back."}),
        ("ASSIGNED", "ASSESSED", {"has_impact": True}),
        ("ASSIGNED", "ASSIGNED", {"has_owner": True, "changes_owner": True}),
        ("RESOLVED", "ASSIGNED", {"has_owner": True, "reason": "It came back."}),
        ("VERIFIED", "IDENTIFIED", {"reason": "It came back."}),
    ],
)
def test_a_responder_goes_through_the_process_and_back(current, target, given):
    assert move(current, target, **given) is None


@pytest.mark.parametrize(
    ("current", "target", "field"),
    [
        ("IDENTIFIED", "ASSESSED", "impact"),
        ("IDENTIFIED", "ASSIGNED", "owner"),
        ("ASSIGNED", "RESOLVED", "resolution"),
        ("RESOLVED", "ASSIGNED", "reason"),
    ],
)
def test_it_names_what_a_move_still_needs(current, target, field):
    assert move(current, target).field == field


@pytest.mark.parametrize(
    ("current", "target", "words"),
    [
        ("IDENTIFIED", "IDENTIFIED", "already"),
        ("IDENTIFIED", "VERIFIED", "resolve it first"),
        ("ASSESSED", "IDENTIFIED", "does not lead back"),
        ("VERIFIED", "RESOLVED", "reopen it first"),
        ("IDENTIFIED", "DONE", "identified, assessed, assigned, resolved, verified"),
        ("ASSIGNED", "ASSIGNED", "already"),
    ],
)
def test_it_says_why_a_move_is_out_of_order(current, target, words):
    given = {"resolution": "r", "reason": "r", "has_owner": True, "has_impact": True}
    assert words in move(current, target, role="OWNER", **given).sentence


def test_a_viewer_moves_nothing():
    refused = move("IDENTIFIED", "RESOLVED", role="VIEWER", resolution="Rolled back.")
    assert refused.is_forbidden
    assert "Responder" in refused.sentence
    assert process.targets("IDENTIFIED", "VIEWER") == ()


def test_only_a_maintainer_with_a_reason_or_a_proof_verifies():
    assert move("RESOLVED", "VERIFIED", role="RESPONDER", reason="I looked.").is_forbidden
    assert move("RESOLVED", "VERIFIED", role="MAINTAINER").field == "reason"
    assert move("RESOLVED", "VERIFIED", role="MAINTAINER", reason="I looked.") is None
    assert move("RESOLVED", "VERIFIED", role="MACHINE").field == "status"
    assert move("RESOLVED", "VERIFIED", role="MACHINE", is_proven=True) is None


def test_it_offers_only_what_the_role_may_do():
    assert process.targets("RESOLVED", "RESPONDER") == ("ASSIGNED", "ASSESSED", "IDENTIFIED")
    assert process.targets("RESOLVED", "MAINTAINER")[0] == "VERIFIED"


def test_a_reopened_issue_stays_with_its_owner():
    assert process.reopened_status(has_owner=True) == "ASSIGNED"
    assert process.reopened_status(has_owner=False) == "IDENTIFIED"


@pytest.mark.parametrize(
    ("is_critical", "tier", "severity"),
    [
        (True, "PRODUCTION", "CRITICAL"),
        (False, "PRODUCTION", "MAJOR"),
        (True, "STAGING", "MAJOR"),
        (False, "STAGING", "MINOR"),
        (False, "DEVELOPMENT", "MINOR"),
    ],
)
def test_an_outage_is_worst_for_a_critical_check_in_production(is_critical, tier, severity):
    assert process.severity_of_outage(is_critical=is_critical, environment_tier=tier) == severity


@pytest.mark.parametrize(
    ("is_critical", "verdict", "tier", "severity"),
    [
        (True, "FAILED", "PRODUCTION", "CRITICAL"),
        (False, "FAILED", "PRODUCTION", "MAJOR"),
        (True, "DEGRADED", "PRODUCTION", "MAJOR"),
        (False, "DEGRADED", "STAGING", "MINOR"),
    ],
)
def test_a_finding_is_worst_when_it_failed_production(is_critical, verdict, tier, severity):
    found = process.severity_of_finding(is_critical=is_critical, verdict=verdict, environment_tier=tier)
    assert found == severity


def test_a_headline_is_the_first_statement_without_its_figures():
    sentence = "Error rate rose 0.12 → 0.94 % (8 times as high). A change this big never happened."
    assert process.headline(sentence, fallback="x") == "Error rate rose 0.12 → 0.94 %"
    assert process.headline("", fallback="Error rate got worse") == "Error rate got worse"
    assert len(process.headline("x" * 500, fallback="y")) == 200


@pytest.mark.parametrize("name", ["Requests (route /list)", "Load of v1. node", "Plain"])
def test_the_name_in_a_headline_stays_whole(name):
    sentence = f"{name} fell 892 → 502 (−44 %). A change this big never happened."
    assert process.headline(sentence, fallback="x", name=name) == f"{name} fell 892 → 502"


@pytest.mark.parametrize(
    ("before", "after", "now", "is_back"),
    [(300, 500, 310, True), (300, 500, 250, True), (300, 500, 400, False), (99, 90, 98, True), (99, 90, 92, False)],
)
def test_a_value_is_back_when_little_of_its_change_is_left(before, after, now, is_back):
    assert process.is_back(before=before, after=after, now=now) is is_back
