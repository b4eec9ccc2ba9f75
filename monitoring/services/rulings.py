"""What people say of a verdict afterwards."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from deployments.models import Deployment, User
from monitoring.models import Finding, Ruling


def rule(
    *,
    deployment: Deployment,
    kind: str,
    reason: str,
    now: datetime,
    by: User | None = None,
    token_name: str = "",
    key: str = "",
    seen: str | None = None,
) -> Ruling:
    """Rule on `deployment`, or on its finding `key`; the ruling before it becomes history.

    The same word for the same reason changes nothing. ValidationError names the field: only what was deployed and
    judged can be ruled on, only a finding of this deployment has a `key`, and a ruling needs its reason. With `seen`,
    the id of the ruling that stood when the person made up their mind ("" for none), nobody's word is replaced unread.
    """
    reason = reason.strip()
    with transaction.atomic():
        _lock(deployment)
        _refuse_subject(deployment, key)
        before = Ruling.objects.current().filter(deployment=deployment, key=key).first()
        if before is not None and (before.kind, before.reason) == (kind, reason):
            return before
        _refuse_unread(before, seen)
        ruling = Ruling(
            deployment=deployment, key=key, kind=kind, reason=reason, by=by, token_name=token_name, at=now
        )  # fmt: skip
        ruling.clean_fields(exclude={"by", "replaced_at"})
        _replace(before, now)
        ruling.save()
    return ruling


def withdraw(*, deployment: Deployment, now: datetime, key: str = "") -> bool:
    """Take back what was ruled on `deployment`, or on its finding `key`. False when nothing was."""
    with transaction.atomic():
        _lock(deployment)
        before = Ruling.objects.current().filter(deployment=deployment, key=key).first()
        _replace(before, now)
    return before is not None


def _lock(deployment: Deployment) -> None:
    """One ruling at a time: the constraint alone would refuse the second of two people with an error."""
    Deployment.objects.select_for_update(no_key=True).only("pk").get(pk=deployment.pk)


def _replace(before: Ruling | None, now: datetime) -> None:
    if before is not None:
        before.replaced_at = max(now, before.at)
        before.save(update_fields=["replaced_at"])


def _refuse_unread(before: Ruling | None, seen: str | None) -> None:
    if before is not None and seen is not None and seen != str(before.pk):
        said = f"{before.who} has ruled on it meanwhile: {before.get_kind_display().lower()}, “{before.reason}”."
        raise ValidationError({"seen": f"{said} Say so again if you hold to yours."})


def _refuse_subject(deployment: Deployment, key: str) -> None:
    if not deployment.periods.exists():
        raise ValidationError({"deployment": "It was never watched, so there is no verdict to rule on."})
    if key and not Finding.objects.filter(verdict__period__deployment=deployment, key=key).exists():
        raise ValidationError({"key": f"No verdict on this deployment has a finding “{key[:60]}”."})
