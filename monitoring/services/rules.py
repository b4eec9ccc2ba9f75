"""Making, changing, pausing, muting and deleting alert rules and objectives; what people say of a firing."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from deployments.models import Environment, Project, User
from monitoring.models import (
    Alert,
    AlertEnd,
    AlertRule,
    AlertSeverity,
    AlertState,
    Objective,
    RuleKind,
    Speed,
    Usefulness,
)
from monitoring.selectors.rule_words import never_measured
from monitoring.selectors.rules import condition_of
from postdeploy.lib.claims import move

#: What a rule asks: a change of one of these begins its history anew.
DEFINITION = (
    "environment_id", "kind", "metric_id", "aspect", "health_check_id", "objective_id", "labels", "aggregate",
    "direction", "window_seconds", "threshold", "clear_threshold", "hold_seconds", "versus", "is_relative", "speed",
)  # fmt: skip
MAX_RULES = 500


def save_rule(*, project: Project, now: datetime, rule: AlertRule | None = None, **definition: Any) -> AlertRule:
    """Make a rule of `project`, or change `rule`; it is judged at once.

    Raises ValidationError with the fields' names as keys. When what it asks has changed, its open alerts end.
    """
    row = rule or AlertRule(project=project, created_at=now)
    before = _asked(row)
    for name, value in definition.items():
        setattr(row, name, value)
    complete_rule(row)
    validate_rule(row)
    row.changed_at, row.next_judge_at, row.error = now, now, ""
    if row._state.adding:
        row.save()
    else:
        _change(row, now, is_anew=_asked(row) != before)
    return row


def _change(row: AlertRule, now: datetime, *, is_anew: bool) -> None:
    """Write what people set. What the sweep and the switches write is not ours: it may have changed since."""
    written = [*(name.removesuffix("_id") for name in DEFINITION), "name", "severity"]
    written += ["changed_at", "next_judge_at", "error"]
    with transaction.atomic():
        AlertRule.objects.select_for_update(no_key=True).get(pk=row.pk)
        if is_anew:
            end_alerts([row], AlertEnd.CHANGED, now)
            row.judged_until, row.series_count, row.silent_count = None, 0, 0
            written += ["judged_until", "series_count", "silent_count"]
        row.save(update_fields=written)


def _asked(rule: AlertRule) -> tuple[Any, ...]:
    return tuple(getattr(rule, name) for name in DEFINITION)


def complete_rule(rule: AlertRule) -> None:
    """Leave out what this kind of rule does not ask."""
    if rule.kind == RuleKind.BURN_RATE:
        rule.metric = rule.health_check = None
        rule.aspect, rule.labels, rule.clear_threshold = "", {}, None
        rule.environment = rule.objective.environment if rule.objective else rule.environment
        return
    rule.objective = None
    if rule.metric is not None:
        rule.aspect, rule.health_check = "", None
    else:
        rule.labels = {}
    if rule.health_check is not None:
        rule.environment = rule.health_check.environment


def validate_rule(rule: AlertRule) -> None:
    """Raise ValidationError, with the fields' names as keys, for a rule that cannot be saved."""
    refuse_senseless(rule)
    try:
        rule.full_clean()
    except ValidationError as error:
        raise ValidationError(_said(error)) from None
    if not rule.pk and rule.project.rules.count() >= MAX_RULES:
        raise ValidationError({"name": [f"A project can have at most {MAX_RULES} rules; delete some that say little."]})


def refuse_senseless(rule: AlertRule) -> None:
    """Raise ValidationError for a rule that cannot even be previewed."""
    errors = _missing(rule) | _of_elsewhere(rule)
    if not errors and (fault := condition_of(rule).fault()):
        errors[fault.field] = fault.sentence
    if errors:
        raise ValidationError({name: [sentence] for name, sentence in errors.items()})


def _said(error: ValidationError) -> dict[str, list[str]]:
    """Name the field that a constraint is about."""
    found = error.message_dict
    if general := found.pop("__all__", []):
        found.setdefault("name", []).extend(
            "There is a rule of this name already." if "already exists" in text else text for text in general
        )
    return found


def _missing(rule: AlertRule) -> dict[str, str]:
    if rule.kind == RuleKind.BURN_RATE:
        return {} if rule.objective else {"objective": "Choose the objective whose budget it guards."}
    if rule.metric is None and not rule.aspect:
        return {"metric": "Choose what it looks at: a metric, or what checks measure."}
    if rule.health_check and (sentence := never_measured(rule.aspect, rule.health_check)):
        return {"health_check": sentence}
    return {}


def _of_elsewhere(rule: AlertRule) -> dict[str, str]:
    """Everything it names must be of its own project."""
    parts = {
        "environment": rule.environment and rule.environment.project_id,
        "metric": rule.metric and rule.metric.project_id,
        "health_check": rule.health_check and rule.health_check.environment.project_id,
        "objective": rule.objective and rule.objective.environment.project_id,
    }
    return {
        name: "It is not of this project." for name, project in parts.items() if project not in (None, rule.project_id)
    }


def end_alerts(rules: Iterable[AlertRule], why: AlertEnd, now: datetime) -> None:
    """End the open alerts of `rules`, which proves nothing of what they were about; call it in a transaction."""
    mine = Alert.objects.open().filter(rule__in=list(rules))
    mine.filter(state=AlertState.PENDING).delete()
    mine.filter(state=AlertState.FIRING).update(state=AlertState.RESOLVED, resolved_at=now, ended_by=why)


def pause_rule(*, rule: AlertRule, now: datetime) -> bool:
    """Stop judging `rule`; its open alerts end unproven. False when it was paused already."""
    with transaction.atomic():
        AlertRule.objects.select_for_update(no_key=True).get(pk=rule.pk)
        mine = move(AlertRule.objects.active().filter(pk=rule.pk), paused_at=now)
        if mine:
            end_alerts([rule], AlertEnd.PAUSED, now)
    return mine


def resume_rule(*, rule: AlertRule, now: datetime) -> bool:
    """Judge `rule` again, at once. False when it was not paused."""
    paused = AlertRule.objects.filter(pk=rule.pk, paused_at__isnull=False)
    return move(paused, paused_at=None, judged_until=None, next_judge_at=now)


def mute_rule(*, rule: AlertRule, now: datetime) -> bool:
    """Go on judging `rule`, but tell nobody. False when it was muted already."""
    with transaction.atomic():
        mine = move(AlertRule.objects.filter(pk=rule.pk, muted_at__isnull=True), muted_at=now)
        Alert.objects.open().filter(rule=rule).update(is_muted=True)
    return mine


def unmute_rule(*, rule: AlertRule, now: datetime) -> bool:
    """Tell people again, also of what fires already. False when it was not muted."""
    del now  # an alert that still fires is told as it is
    with transaction.atomic():
        mine = move(AlertRule.objects.filter(pk=rule.pk, muted_at__isnull=False), muted_at=None)
        Alert.objects.open().filter(rule=rule).update(is_muted=False)
    return mine


def delete_rule(*, rule: AlertRule) -> None:
    """Delete `rule` with its alerts; issues that it opened stay."""
    with transaction.atomic():
        AlertRule.objects.select_for_update(no_key=True).filter(pk=rule.pk).first()
        AlertRule.objects.filter(pk=rule.pk).delete()


def answer_alert(*, alert: Alert, answer: str, word: str, user: User, now: datetime) -> bool:
    """Keep what somebody says of a firing: was it useful? The latest answer counts. False while it has not fired."""
    if answer not in Usefulness.values:
        raise ValidationError({"answer": ["Say yes, no, or too late."]})
    fired = Alert.objects.fired().filter(pk=alert.pk)
    return move(fired, answer=answer, answer_word=word.strip()[:300], answered_by=user, answered_at=now)


# --- objectives -------------------------------------------------------------------------------------------------------


def save_objective(
    *, environment: Environment, now: datetime, objective: Objective | None = None, **definition: Any
) -> Objective:
    """Make an objective of `environment`, or change `objective`. Raises ValidationError with the fields' names."""
    row = objective or Objective(created_at=now)
    row.environment = environment
    for name, value in definition.items():
        setattr(row, name, value)
    if row.kind == "CHECK":
        row.part = row.whole = None
    else:
        row.health_check = None
    errors = _objective_errors(row)
    if errors:
        raise ValidationError({name: [sentence] for name, sentence in errors.items()})
    try:
        row.full_clean()
    except ValidationError as error:
        found = _said(error)
        raise ValidationError(
            {name: [text.replace("a rule", "an objective") for text in texts] for name, texts in found.items()}
        ) from None
    row.save()
    return row


def _objective_errors(row: Objective) -> dict[str, str]:
    project = row.environment.project_id
    if row.kind == "CHECK":
        check = row.health_check
        is_known = check is not None and check.environment_id == row.environment_id
        return {} if is_known else {"health_check": "Choose a check of this environment."}
    errors = {}
    for name, metric in (("part", row.part), ("whole", row.whole)):
        if metric is None or metric.project_id != project:
            errors[name] = "Choose a metric that counts."
    if row.part is not None and row.part == row.whole:
        errors["part"] = "It must be another metric than the one that counts all of them."
    return errors


def delete_objective(*, objective: Objective) -> None:
    """Delete `objective` with the rules that guard its budget."""
    objective.delete()


def guard_objective(*, objective: Objective, now: datetime) -> int:
    """Give `objective` the two rules of its burn rates, as far as it lacks them; return how many were made."""
    made = 0
    has = set(AlertRule.objects.filter(objective=objective).values_list("speed", flat=True))
    wanted = (
        (Speed.FAST, AlertSeverity.CRITICAL, f"{objective.name}: the error budget burns fast"),
        (Speed.SLOW, AlertSeverity.MINOR, f"{objective.name}: the error budget burns slowly"),
    )
    for speed, severity, name in wanted:
        if speed not in has:
            save_rule(
                project=objective.environment.project,
                now=now,
                kind=RuleKind.BURN_RATE,
                objective=objective,
                speed=speed,
                severity=severity,
                name=_free_name(objective.environment, name),
            )
            made += 1
    return made


def _free_name(environment: Environment, name: str) -> str:
    """Return `name`, with the environment where another rule has it already."""
    is_taken = AlertRule.objects.filter(project=environment.project_id, name=name[:120]).exists()
    return (f"{environment.name}: {name}" if is_taken else name)[:120]
