"""A deployment's story as the plain data of its Deployment Summary: nothing in it depends on the clock."""

from collections.abc import Iterable
from datetime import UTC, datetime

from deployments.models import Deployment, DeploymentStatus
from issues.models import Issue
from monitoring.models import Finding, FindingResult, MonitoringPeriod, PeriodStatus, Result
from monitoring.selectors.blame import Blamed, blames_of
from postdeploy.lib import words
from reports.exports import record as plain
from reports.models import Lesson, LessonCategory
from reports.selectors import happenings
from reports.selectors.story import Story

#: What a record leaves out of the timeline: deliveries are the log's business.
_NOT_RECORDED = {"notifications"}
#: What the record adds when the environment's policy was only being tried.
DRY_RUN = "A dry run: the verdict is recorded as it is, no pipeline was stopped and no issue opened."
_VERDICTS = {result.value.lower() for result in Result}

_AFTERWARDS = {
    "healthy": "then passed its watch",
    "degraded": "then got worse",
    "failed": "then failed its watch",
    "inconclusive": "but its watch could not tell whether anything got worse",
    "blind": "but nothing was measured afterwards",
    "watching": "and is being watched",
    "superseded": "and was replaced before a verdict was reached",
    "not_watched": "and was reported too late to be watched",
}


def summary_record(story: Story) -> plain.Record:
    """Return the Deployment Summary of a deployment that has ended."""
    deployment = story.deployment
    ended_at = deployment.finished_at or deployment.occurred_at
    return plain.Record(
        project=deployment.project.name,
        version=deployment.version,
        date=ended_at.astimezone(UTC).date(),
        implementation=plain.Implementation(
            start_time=deployment.started_at,
            end_time=deployment.finished_at,
            status=plain.FAILURE if is_failure(story) else plain.SUCCESS,
            issues=len(story.issues),
        ),
        changes=_changes(story),
        issues=plain.Issues(
            resolved=tuple(_resolved(issue) for issue in story.resolved),
            outstanding=tuple(_outstanding(issue) for issue in story.outstanding),
        ),
        verdict=_verdict(story),
        timeline=_timeline(story),
        escalations=tuple(_escalations(story)),
        lessons_learned=_lessons(story.lessons),
    )


def is_failure(story: Story) -> bool:
    """Tell whether the roll-out failed: by the pipeline, by its watch, or because it had to be rolled back."""
    is_deployed = story.deployment.status == DeploymentStatus.SUCCEEDED
    return not is_deployed or story.watch.state == "failed" or story.rolled_back_by is not None


def outcome(story: Story) -> str:
    """Return how roll-out and watch went together, in one sentence."""
    if story.deployment.status == DeploymentStatus.FAILED:
        return "The pipeline failed."
    if story.deployment.status == DeploymentStatus.CANCELLED:
        return "The pipeline was cancelled."
    parts = ["Rolled out without an error", _AFTERWARDS.get(story.watch.state, "")]
    if story.rolled_back_by:
        parts.append(f"rolled back by {story.rolled_back_by.version}")
    return ", ".join(part for part in parts if part) + "." + (f" {DRY_RUN}" if story.watch.is_dry_run else "")


def finding_words(finding: Finding) -> tuple[str, str, str]:
    """Return before, after and change of a finding in words; empty where nothing was measured."""
    facts = finding.facts if isinstance(finding.facts, dict) else {}
    unit, before, after = str(facts.get("unit") or ""), _number(facts, "before"), _number(facts, "after")
    difference = words.change(before, after, unit) if before is not None and after is not None else ""
    return _quantity(before, unit), _quantity(after, unit), difference


def _number(facts: dict[str, object], name: str) -> float | None:
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _quantity(value: float | None, unit: str) -> str:
    return "" if value is None else words.quantity(value, unit)


def _changes(story: Story) -> plain.Changes:
    return plain.Changes(
        system_changes=tuple(
            plain.SystemChange(row.component, row.description, row.get_status_display()) for row in story.system_changes
        ),
        configuration=tuple(
            plain.Configuration(row.setting, configured(row.old_value, row.value), row.purpose)
            for row in story.configuration_changes
        ),
    )


def configured(old_value: str, value: str) -> str:
    """Return "30 (was 60)", or the value alone when nothing is known of the one before."""
    return f"{value} (was {old_value})" if old_value and old_value != value else value


def _resolved(issue: Issue) -> plain.ResolvedIssue:
    return plain.ResolvedIssue(_named(issue), issue.resolution or "No resolution was written down.")


def _outstanding(issue: Issue) -> plain.OutstandingIssue:
    return plain.OutstandingIssue(_named(issue), issue.plan or "No plan was written down yet.")


def _named(issue: Issue) -> str:
    return f"{issue.reference} {issue.title} ({issue.get_severity_display().lower()})"


def _verdict(story: Story) -> plain.Verdict:
    """What was decided; of a watch under way only that it is one, because every look says something else."""
    watch = story.watch
    is_decided = watch.state in _VERDICTS
    return plain.Verdict(
        state=watch.state,
        word=Result(watch.state.upper()).label if is_decided else _word(watch.state),
        outcome=outcome(story),
        sentence=watch.sentence if is_decided or not story.periods else _until(story),
        decided_at=watch.decided_at if is_decided else None,
        stages=tuple(_stage(period, story) for period in story.periods),
        findings=tuple(_finding(row) for row in story.judged) if is_decided else (),
        not_watched=tuple(plain.NotWatched(*row) for row in story.not_watched) if is_decided else (),
        blame=tuple(_blame(row) for row in _blamed(story)) if is_decided else (),
        rulings=tuple(_rulings(story)),
    )


def _blamed(story: Story) -> list[Blamed]:
    """Who may have caused it, as everybody in the project may know it."""
    look = story.standing_look
    return blames_of([look.blame], Deployment.objects.of(story.deployment.project))[0] if look else []


def _blame(row: Blamed) -> plain.Blame:
    name = f"{row.name} (this one)" if row.is_judged else row.name
    return plain.Blame(
        deployment=name[:1].upper() + name[1:] if row.deployment is None else name,
        share=words.quantity(row.percent, "%"),
        because="; ".join(row.because),
    )


def _rulings(story: Story) -> Iterable[plain.Ruling]:
    """What stands, on the deployment first, then on its findings in their order."""
    names = {finding.key: finding.name for finding in story.findings}
    known = [key for key in ("", *names) if key in story.rulings]
    for key in [*known, *sorted(story.rulings.keys() - set(known))]:
        row = story.rulings[key]
        yield plain.Ruling(
            about=names.get(key, key) or "The deployment",
            ruling=row.get_kind_display(),
            reason=row.reason,
            by=row.who,
            at=row.at,
        )


def _word(state: str) -> str:
    return state.replace("_", " ").capitalize()


def _until(story: Story) -> str:
    if story.watch.state == "superseded":
        return story.watch.sentence
    running = next((period for period in story.periods if not period.result), story.periods[-1])
    return f"Not decided yet: the {running.get_stage_display().lower()} watch ends at {_exact(running.closes_at)}."


def _stage(period: MonitoringPeriod, story: Story) -> plain.Stage:
    is_decided = period.result is not None
    sentence = next((look.sentence for look in story.final_looks if look.period_id == period.pk), "")
    if period.status == PeriodStatus.SUPERSEDED:
        result = Result(period.result).label if period.result else "Ended early"
        sentence = sentence or _superseded(period)
    else:
        result = Result(period.result).label if period.result else "Not decided yet"
    return plain.Stage(
        name=period.get_stage_display(),
        opened_at=period.opens_at,
        ended_at=period.ended_at,
        result=result,
        sentence=sentence if is_decided or period.ended_at else f"It ends at {_exact(period.closes_at)}.",
    )


def _superseded(period: MonitoringPeriod) -> str:
    by = period.superseded_by.version if period.superseded_by else "a newer deployment"
    if period.ended_at is None or period.ended_at <= period.opens_at:
        return f"It never began: {by} came first."
    lasted = f"{words.duration(period.ended_at - period.opens_at)} of {words.period(period.length)}"
    return f"Ended by {by} after {lasted}."


def _exact(at: datetime) -> str:
    return words.exact(at.astimezone(UTC))


def _finding(finding: Finding) -> plain.Finding:
    before, after, change = finding_words(finding)
    return plain.Finding(
        name=finding.name,
        before=before,
        after=after,
        change=change,
        result=FindingResult(finding.result).label,
        sentence=finding.sentence,
    )


def _timeline(story: Story) -> tuple[plain.TimelineEntry, ...]:
    rows = [row for row in reversed(story.happenings) if row.group not in _NOT_RECORDED]
    return tuple(plain.TimelineEntry(row.at, row.sentence, row.detail or row.quote) for row in rows)


def _escalations(story: Story) -> Iterable[plain.Escalation]:
    for assignment, before in happenings.with_former(story.assignments):
        if before:
            yield plain.Escalation(
                at=assignment.started_at,
                issue=assignment.issue.reference,
                from_tier=before.tier.label,
                to_tier=assignment.tier.label,
                reason=happenings.why(assignment, before),
            )


def _lessons(lessons: Iterable[Lesson]) -> plain.LessonsLearned:
    written: dict[str, tuple[plain.Lesson, ...]] = {category.value.lower(): () for category in LessonCategory}
    for lesson in lessons:
        author = lesson.author.display_name if lesson.author else ""
        written[lesson.category.lower()] += (plain.Lesson(lesson.text, author),)
    success = plain.SuccessFactors(**{name: written[name] for name in plain.SuccessFactors.__slots__})
    improvement = plain.ImprovementAreas(**{name: written[name] for name in plain.ImprovementAreas.__slots__})
    return plain.LessonsLearned(success, improvement)
