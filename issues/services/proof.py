"""Is it gone? Proof by measurement, and what the machine itself notices about the sources of an issue."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from issues import process
from issues.models import Issue, IssueEventKind, IssueStatus, Occurrence, OccurrenceSource
from issues.selectors import Proof, proof_of
from issues.services.moves import reopen
from issues.services.story import MACHINE, add_event, locked, save
from issues.signals import issue_changed
from monitoring.models import AlertEnd, AlertState
from postdeploy.lib import words
from postdeploy.lib.bells import ring
from postdeploy.lib.sweeps import each


def verify_issues(*, now: datetime) -> int:
    """Note what ended, and prove, restart or reopen what is resolved; return how many rows changed."""
    ended = Occurrence.objects.filter(
        source=OccurrenceSource.OUTAGE, ended_at__isnull=True, outage__ended_at__isnull=False
    ).select_related("outage__health_check")
    is_well = Q(alert__state=AlertState.RESOLVED, alert__ended_by=AlertEnd.MEASURED)
    quiet = Occurrence.objects.filter(is_well, source=OccurrenceSource.ALERT, ended_at__isnull=True)
    measured = (
        Q(source=OccurrenceSource.OUTAGE) | Q(alert__isnull=False) | Q(finding__series__health_check__isnull=False)
    )
    seen = Occurrence.objects.filter(measured | Q(finding__health_check__isnull=False), issue=OuterRef("pk"))
    resolved = Issue.objects.filter(Exists(seen), status=IssueStatus.RESOLVED).order_by("resolved_at", "pk")
    ends = [*ended, *quiet.select_related("alert__rule")]
    return each(ends, lambda row: _note_end(row, now), name="verify_issues") + each(
        resolved.values_list("pk", flat=True), lambda pk: _verify(pk, now), name="verify_issues"
    )


def _note_end(occurrence: Occurrence, now: datetime) -> bool:
    """Tell once that a source is well again; a person still says what resolved the issue."""
    over = _end_of(occurrence)
    if over is None:
        return False
    ended_at, text = over
    with transaction.atomic():
        mine = Occurrence.objects.filter(pk=occurrence.pk, ended_at__isnull=True).update(ended_at=ended_at)
        if not mine:
            return False
        issue = locked(occurrence.issue_id)
        add_event(issue, IssueEventKind.CHANGED, text, now=now)
        ring(issue_changed, issue_id=issue.pk)
    return True


def _end_of(occurrence: Occurrence) -> tuple[datetime, str] | None:
    """Return when the outage or the alert behind a sighting ended, and that in words."""
    outage, alert = occurrence.outage, occurrence.alert
    if outage and outage.ended_at:
        lasted = words.duration(outage.ended_at - outage.began_at)
        return outage.ended_at, f"{outage.health_check.name} answers again. The outage lasted {lasted}."
    if alert and alert.resolved_at:
        lasted = words.duration(alert.resolved_at - alert.began_at)
        return alert.resolved_at, f"{alert.rule.name} no longer fires: {alert.subject} is well again after {lasted}."
    return None


def _verify(issue_id: int, now: datetime) -> bool:
    with transaction.atomic():
        issue = locked(issue_id)
        if issue.status != IssueStatus.RESOLVED:
            return False  # somebody was first
        proof = proof_of(issue, now=now)
        if _is_still_down(issue, proof, now):
            reopen(issue, reason=f"{proof.why} It was resolved {_long(issue, now)} ago.", now=now)
            return True
        if proof.is_complete:
            _prove(issue, proof, now)
            return True
        return _keep_count(issue, proof, now)


def _is_still_down(issue: Issue, proof: Proof, now: datetime) -> bool:
    return proof.is_down and issue.resolved_at is not None and now - issue.resolved_at > proof.needed


def _long(issue: Issue, now: datetime) -> str:
    return words.duration(now - (issue.resolved_at or now))


def _prove(issue: Issue, proof: Proof, now: datetime) -> None:
    wished = process.Move(issue.status, IssueStatus.VERIFIED, process.MACHINE, is_proven=True)
    if process.refusal(wished):
        return
    issue.status, issue.verified_at, issue.proof_since = IssueStatus.VERIFIED, now, proof.since
    save(issue, "status", "verified_at", "proof_since")
    text = f"Verified by measurement: clean for {words.duration(proof.needed)}."
    changes = {"status": [IssueStatus.RESOLVED.value, IssueStatus.VERIFIED.value]}
    add_event(issue, IssueEventKind.MOVED, text, now=now, actor=MACHINE, changes=changes)


def _keep_count(issue: Issue, proof: Proof, now: datetime) -> bool:
    """Remember since when the sources are clean; a count that was broken off is told in the story."""
    if issue.proof_since == proof.since:
        return False
    was_counting, issue.proof_since = issue.proof_since is not None, proof.since
    save(issue, "proof_since")
    if was_counting:
        why = proof.why or "A reading failed."
        add_event(issue, IssueEventKind.CHANGED, f"{why} The proof starts again.", now=now)
    return True
