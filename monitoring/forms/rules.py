"""The forms of alert rules, objectives and answers; each refusal names the field and the fix."""

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from deployments.models import Environment, Project
from monitoring.models import (
    Aggregate,
    AlertRule,
    AlertSeverity,
    Direction,
    HealthCheck,
    Metric,
    Objective,
    ObjectiveKind,
    RuleKind,
    Speed,
    Usefulness,
    Versus,
)
from monitoring.selectors.rule_words import ASPECTS, rule_sentence
from postdeploy.forms import DurationField

MAX_LABELS = 10
WAYS = [(Direction.ABOVE, "higher than"), (Direction.BELOW, "lower than")]
_NUMBER = {"invalid": "Type a number with a point, such as 1.5."}
#: What cannot be left empty where it shows.
ASKED = (
    "subject",
    "objective",
    "aggregate",
    "direction",
    "threshold",
    "versus",
    "is_relative",
    "speed",
    "window_seconds",
)
#: Fields of each kind of rule; the stylesheet hides the others.
PARTS = {
    "what": ("kind", "subject", "health_check", "labels", "objective", "environment"),
    "when": (
        "aggregate", "direction", "threshold", "clear_threshold", "is_relative", "versus", "speed", "window_seconds",
        "hold_seconds",
    ),
    "told": ("name", "severity"),
}  # fmt: skip


class LabelsField(forms.CharField):
    """Labels typed as "shop=de, region=eu"; its value is a dict."""

    def prepare_value(self, value: Any) -> Any:
        """Return a dict as it would be typed."""
        return ", ".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else value

    def clean(self, value: Any) -> dict[str, str]:
        """Return the labels, each name once."""
        text = super().clean(value)
        found: dict[str, str] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, sign, wanted = (piece.strip() for piece in part.partition("="))
            if not (name and sign and wanted):
                raise ValidationError("Write labels as name=value, with commas between them: shop=de, region=eu.")
            if found.setdefault(name, wanted) != wanted:
                raise ValidationError(f"A series has one {name[:40]}: write it once.")
        if len(found) > MAX_LABELS:
            raise ValidationError(f"Name at most {MAX_LABELS} labels.")
        return found


class RuleForm(forms.Form):
    """An alert rule, as it is added and edited."""

    use_required_attribute = False

    kind = forms.ChoiceField(
        label="Tell somebody when", choices=RuleKind, widget=forms.RadioSelect, initial=RuleKind.THRESHOLD
    )
    subject = forms.ChoiceField(label="Of", required=False)
    health_check = forms.ModelChoiceField(
        HealthCheck.objects.none(), label="Check", required=False, empty_label="each check"
    )
    labels = LabelsField(
        required=False, max_length=500,
        help_text="Such as shop=de: only series that carry them. Each series is judged by itself.",
    )  # fmt: skip
    objective = forms.ModelChoiceField(Objective.objects.none(), required=False, empty_label="choose one")
    environment = forms.ModelChoiceField(Environment.objects.none(), required=False, empty_label="each environment")
    aggregate = forms.ChoiceField(label="Value", choices=Aggregate, required=False, initial=Aggregate.MEAN)
    direction = forms.ChoiceField(label="Is", choices=WAYS, required=False, initial=Direction.ABOVE)
    threshold = forms.FloatField(label="Threshold", required=False, error_messages=_NUMBER)
    clear_threshold = forms.FloatField(
        label="Well again at", required=False, error_messages=_NUMBER,
        help_text="Between the two nothing changes, so that it does not flap. Empty: at the threshold.",
    )  # fmt: skip
    is_relative = forms.ChoiceField(label="In", choices=[("1", "per cent"), ("", "units")], required=False, initial="1")
    versus = forms.ChoiceField(label="Compared with", choices=Versus, required=False, initial=Versus.BEFORE)
    speed = forms.ChoiceField(label="How fast", choices=Speed, required=False, initial=Speed.FAST)
    window_seconds = DurationField(
        label="Over", required=False, least=10, most=86_400, initial=300, help_text="Such as 5 min."
    )
    hold_seconds = DurationField(
        label="For", required=False, least=0, most=86_400, initial=300,
        help_text="So long every value must be beyond the threshold before it fires; 0 s fires at the first.",
    )  # fmt: skip
    name = forms.CharField(
        max_length=120, required=False, help_text="What people read first. Empty: what it asks, in words."
    )
    severity = forms.ChoiceField(choices=AlertSeverity, initial=AlertSeverity.MAJOR)

    def __init__(
        self, project: Project, environments: QuerySet[Environment], data: QueryDict | None = None, *,
        rule: AlertRule | None = None,
    ) -> None:  # fmt: skip
        super().__init__(data, initial=_initial(rule) if rule else None)
        self.project, self.rule = project, rule
        self.metrics = {metric.pk: metric for metric in Metric.objects.of(project)}
        _choose(self, "subject", self._subjects())
        _offer(self, "environment", environments)
        _offer(self, "health_check", HealthCheck.objects.of(project).select_related("environment"))
        _offer(self, "objective", Objective.objects.of(project).select_related("environment"))

    def _subjects(self) -> list[Any]:
        checks = [(f"aspect:{key}", f"{name}, {unit}" if unit else name) for key, (name, unit) in ASPECTS.items()]
        metrics = [
            (f"metric:{pk}", f"{one.name}, {one.unit}" if one.unit else one.name) for pk, one in self.metrics.items()
        ]
        return [("", "choose one"), ("Metrics", metrics), ("What checks measure", checks)]

    @property
    def parts(self) -> dict[str, list[forms.BoundField]]:
        """The fields by card, for the page: what shows for a kind is asked for, whatever the others ask."""
        for name in ASKED:
            self.fields[name].required = True
        return {part: [self[name] for name in names] for part, names in PARTS.items()}

    def clean(self) -> dict[str, Any]:
        """Ask for what the chosen kind needs."""
        given = super().clean() or {}
        kind = given.get("kind")
        if kind in (RuleKind.THRESHOLD, RuleKind.RATE_OF_CHANGE) and given.get("threshold") is None:
            self._ask("threshold", "Type a number, such as 5 or 0.5.")
        if kind == RuleKind.RATE_OF_CHANGE and (given.get("threshold") or 0) < 0:
            self._ask("threshold", "Type the change without its sign; for a fall choose “lower than”.")
        if kind != RuleKind.BURN_RATE:
            if not given.get("window_seconds"):
                self._ask("window_seconds", "Type a duration, such as 5 min.")
            if not given.get("subject"):
                self._ask("subject", "Choose what it looks at.")
        elif given.get("objective") is None:
            self._ask("objective", "Choose the objective whose budget it guards.")
        return given

    def _ask(self, name: str, sentence: str) -> None:
        if name not in self.errors:
            self.add_error(name, sentence)

    def definition(self) -> dict[str, Any]:
        """Return the fields of a rule, for `services.save_rule`; the form must be valid."""
        given = dict(self.cleaned_data)
        kind, subject = given["kind"], given.pop("subject", "")
        sort, _, key = subject.partition(":")
        given["metric"] = self.metrics.get(int(key)) if sort == "metric" else None
        given["aspect"] = key if sort == "aspect" else ""
        for name in ("aggregate", "direction", "versus", "speed"):
            given[name] = given[name] or self.fields[name].initial
        given["is_relative"] = bool(given["is_relative"])
        given["window_seconds"] = given["window_seconds"] or 300
        given["hold_seconds"] = given["hold_seconds"] or 0
        given |= _bounds(given, kind)
        if not given["name"]:
            given["name"] = self._named(given)
        return given

    def _named(self, given: dict[str, Any]) -> str:
        sentence = rule_sentence(AlertRule(project=self.project, **given))
        name = sentence[:1].upper() + sentence[1:]
        return name if len(name) <= 120 else f"{name[:119].rstrip()}…"

    def refuse(self, error: ValidationError) -> None:
        """Show what the service did not accept beside its field."""
        for name, sentences in error.message_dict.items():
            field = "subject" if name in ("metric", "aspect") else name
            self.add_error(field if field in self.fields else None, sentences)


def _bounds(given: dict[str, Any], kind: str) -> dict[str, Any]:
    """A fall is typed without its sign; silence and burning have their bounds by themselves."""
    threshold, clear = given["threshold"], given["clear_threshold"]
    if kind not in (RuleKind.THRESHOLD, RuleKind.RATE_OF_CHANGE):
        return {"threshold": 0.0, "clear_threshold": None, "direction": Direction.ABOVE}
    if kind == RuleKind.RATE_OF_CHANGE:
        sign = -1 if given["direction"] == Direction.BELOW else 1
        clear = None if clear is None else sign * abs(clear)
        return {"threshold": sign * abs(threshold), "clear_threshold": clear}
    return {"threshold": threshold, "clear_threshold": clear}


def _initial(rule: AlertRule) -> dict[str, Any]:
    initial = {name: getattr(rule, name) for names in PARTS.values() for name in names if name != "subject"}
    initial["subject"] = (
        f"metric:{rule.metric_id}" if rule.metric_id else f"aspect:{rule.aspect}" if rule.aspect else ""
    )
    initial["is_relative"] = "1" if rule.is_relative else ""
    for name in ("threshold", "clear_threshold"):
        initial[name] = _typed(initial[name], is_change=rule.kind == RuleKind.RATE_OF_CHANGE)
    return initial


def _typed(value: float | None, *, is_change: bool) -> float | int | None:
    """Return a number as somebody would type it: a fall without its sign, 600 and not 600.0."""
    if value is None:
        return None
    value = abs(value) if is_change else value
    return int(value) if value == int(value) else value


def _choose(form: forms.Form, name: str, choices: list[Any]) -> None:
    field = form.fields[name]
    if isinstance(field, forms.ChoiceField):
        field.choices = choices


def _offer(form: forms.Form, name: str, rows: QuerySet[Any]) -> None:
    field = form.fields[name]
    if isinstance(field, forms.ModelChoiceField):
        field.queryset = rows


class ObjectiveForm(forms.Form):
    """An objective, as it is added and edited."""

    name = forms.CharField(max_length=100, help_text="What is promised, such as Checkout answers.")
    environment = forms.ModelChoiceField(Environment.objects.none(), empty_label=None)
    kind = forms.ChoiceField(
        label="Counts", choices=ObjectiveKind, widget=forms.RadioSelect, initial=ObjectiveKind.CHECK
    )
    health_check = forms.ModelChoiceField(
        HealthCheck.objects.none(), label="Check", required=False, empty_label="choose one"
    )
    part = forms.ModelChoiceField(
        Metric.objects.none(), label="Good ones, or errors", required=False, empty_label="choose one",
        help_text="A counter, or a number of them in each sample.",
    )  # fmt: skip
    whole = forms.ModelChoiceField(Metric.objects.none(), label="All of them", required=False, empty_label="choose one")
    target_percent = forms.FloatField(
        label="Target, %", min_value=50, max_value=99.999, initial=99.9, help_text="So much must be good."
    )
    window_days = forms.IntegerField(label="Over, days", min_value=1, max_value=90, initial=30)
    guard = forms.BooleanField(
        required=False, initial=True, label="Guard its budget with two alert rules",
        help_text="One for a fast burn, one for a slow one.",
    )  # fmt: skip

    def __init__(
        self, project: Project, environments: QuerySet[Environment], data: QueryDict | None = None, *,
        objective: Objective | None = None,
    ) -> None:  # fmt: skip
        names = ("name", "environment", "kind", "health_check", "part", "whole", "target_percent", "window_days")
        super().__init__(data, initial={name: getattr(objective, name) for name in names} if objective else None)
        if objective:
            del self.fields["guard"]
        _offer(self, "environment", environments)
        _offer(self, "health_check", HealthCheck.objects.of(project).select_related("environment"))
        for name in ("part", "whole"):
            _offer(self, name, Metric.objects.of(project))

    def refuse(self, error: ValidationError) -> None:
        """Show what the service did not accept beside its field."""
        for name, sentences in error.message_dict.items():
            self.add_error(name if name in self.fields and name != NON_FIELD_ERRORS else None, sentences)


class AnswerForm(forms.Form):
    """Was this useful?"""

    answer = forms.ChoiceField(choices=Usefulness)
    word = forms.CharField(required=False, max_length=300)
    next = forms.CharField(required=False, max_length=500)
