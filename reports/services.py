"""Changes of this floor: summaries that write themselves, and lessons that people write."""

import uuid
from datetime import UTC, datetime, timedelta

from django.db import transaction

from deployments.models import Deployment, User
from postdeploy.lib.bells import ring
from postdeploy.lib.sweeps import each
from reports.exports.record import to_plain
from reports.models import DeploymentSummary, Lesson, SummaryCursor
from reports.selectors import changed_deployments, deployment_story, summary_record
from reports.signals import lesson_written, summary_ready

#: Summaries that one sweep compares; the rest waits for the next one, which starts where this one ended.
BATCH = 200
#: How long a deployment whose summary cannot be built is tried again.
PATIENCE = timedelta(days=7)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class LessonRefused(ValueError):
    """The lesson cannot be kept; the text says why."""


def summarise_deployments(*, now: datetime) -> int:
    """Write a summary, or the next version of one, for each ended deployment that has changed; return how many.

    What changed is found by its time, from the point that the sweep before had reached. A deployment whose summary
    cannot be built stops no other; for a week it holds that point back, so that it is tried again.
    """
    cursor, _ = SummaryCursor.objects.get_or_create(id=SummaryCursor.ONLY, defaults={"read_until": _EVER})
    waiting = changed_deployments(since=cursor.read_until)
    batch, rest = dict(waiting[:BATCH]), waiting[BATCH:]
    undone = dict(batch)
    written = each(batch, lambda pk: _visit(pk, undone, now), name="summarise_deployments")
    held_back = [max(at, now - PATIENCE) for at in undone.values()]
    read_until = min([*held_back, *(at for _, at in rest[:1]), now])
    SummaryCursor.objects.filter(id=cursor.pk, read_until__lt=read_until).update(read_until=read_until)
    return written


def _visit(deployment_id: uuid.UUID, undone: dict[uuid.UUID, datetime], now: datetime) -> bool:
    """Summarise one deployment and strike it off `undone`, unless somebody else holds it."""
    is_new = summarise_deployment(deployment_id=deployment_id, now=now)
    if is_new is not None:
        del undone[deployment_id]
    return bool(is_new)


def summarise_deployment(*, deployment_id: uuid.UUID, now: datetime) -> bool | None:
    """Write the next version of one deployment's summary if its content has changed; tell whether it had.

    A version once written stays as it is. The deployment's row is locked, so that no older reading can become a newer
    version; None when somebody else holds the row, or it is gone.
    """
    with transaction.atomic():
        rows = Deployment.objects.terminal().select_related("project", "environment").filter(pk=deployment_id)
        deployment = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
        if deployment is None:
            return None
        story = deployment_story(deployment, now)
        record, newest = summary_record(story), story.summary
        if newest and (newest.content_hash, newest.is_complete) == (record.content_hash, story.is_complete):
            DeploymentSummary.objects.filter(pk=newest.pk).update(checked_at=now)
            return False
        DeploymentSummary.objects.create(
            deployment=deployment,
            version=newest.version + 1 if newest else 1,
            content=to_plain(record),
            content_hash=record.content_hash,
            is_complete=story.is_complete,
            built_at=now,
            checked_at=now,
        )
        ring(summary_ready, deployment_id=deployment.pk)
    return True


def write_lesson(*, deployment: Deployment, category: str, text: str, author: User | None, now: datetime) -> Lesson:
    """Keep a lesson learned from `deployment`; LessonRefused for an empty or endless one."""
    text = text.strip()
    if not text:
        raise LessonRefused("Write down what was learned.")
    if len(text) > Lesson.LONGEST:
        raise LessonRefused(f"Keep it under {Lesson.LONGEST:,} characters; longer texts belong in a guide.")
    with transaction.atomic():
        lesson = Lesson.objects.create(
            deployment=deployment, category=category, text=text, author=author, created_at=now
        )
        ring(lesson_written, deployment_id=deployment.pk)
    return lesson
