"""Sources of samples: made when somebody sends for the first time, and what was refused of them."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import connection
from django.db.models import F

from deployments.models import ApiToken, Environment, Project
from monitoring.formats.batch import LeftOut
from monitoring.models import Metric, MetricLimits, RefusalReason, Source, SourceKind
from monitoring.services.metrics import Sender

_NEVER_SHOWN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_COUNT = """
    INSERT INTO monitoring_refusal (source_id, reason, sentence, example, count, first_at, latest_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (source_id, reason) DO UPDATE SET
        sentence = excluded.sentence, latest_at = excluded.latest_at, count = monitoring_refusal.count + excluded.count,
        example = CASE WHEN excluded.example = '' THEN monitoring_refusal.example ELSE excluded.example END
"""


def ensure_source(*, token_id: int, project_id: int, kind: str, now: datetime) -> int:
    """Return the id of the source that stands for this token and way in; made when it is the first time."""
    token = ApiToken.objects.get(pk=token_id)
    made, _ = Source.objects.get_or_create(
        token_id=token_id,
        kind=kind,
        defaults={"project_id": project_id, "name": f"{SourceKind(kind).label} · {token.name}", "created_at": now},
    )
    return made.pk


def sender_of(source: Source) -> Sender:
    """Return `source` as the sender of what we fetch from it ourselves."""
    limits = MetricLimits.objects.filter(project=source.project_id).first()
    return Sender(
        source.project_id,
        limits.generation if limits else None,
        source.kind,
        source.pk,
        source.environment.name if source.environment else "",
    )


def note_refusals(*, source_id: int, left_out: Iterable[LeftOut], now: datetime) -> None:
    """Count what was not stored, with the latest sentence and example of each reason. Not in the sample's transaction.

    One statement for each reason, in one order, so that two senders never wait for each other crosswise.
    """
    with connection.cursor() as cursor:
        for each in sorted(left_out, key=lambda each: each.reason):
            sentence, example = (_NEVER_SHOWN.sub("\ufffd", text) for text in (each.sentence, each.example))
            count = max(each.count, 1)
            cursor.execute(_COUNT, [source_id, each.reason, sentence[:500], example[:300], count, now, now])


def note_unreadable(*, source_id: int, reason: RefusalReason, sentence: str, now: datetime) -> None:
    """Count a whole request that could not be read."""
    note_refusals(source_id=source_id, left_out=[LeftOut(reason, sentence)], now=now)


def set_environment(*, source: Source, environment: Environment | None) -> None:
    """Say where the samples of `source` belong that do not say so themselves; from the next request on."""
    source.environment = environment
    source.save(update_fields=["environment"])


def set_max_series(*, project: Project, max_series: int) -> None:
    """Let the project have so many series; those that are there stay."""
    MetricLimits.objects.update_or_create(project=project, defaults={"max_series": max_series})


def count_folded(counts: Mapping[int, int], *, now: datetime) -> None:
    """Count what the store folded of each source, in its transaction; the sources in one order."""
    for source_id, count in sorted(counts.items()):
        Source.objects.filter(pk=source_id).update(accepted=F("accepted") + count, latest_at=now)


def forget_refusals(*, source: Source) -> None:
    """Begin counting anew, after the cause was mended."""
    source.refusals.all().delete()


def save_metric(*, metric: Metric) -> Metric:
    """Store what a person says of a metric; what processes remember of it, such as its unit, is learnt anew."""
    metric.save()
    MetricLimits.objects.filter(project=metric.project_id).update(generation=F("generation") + 1)
    return metric
