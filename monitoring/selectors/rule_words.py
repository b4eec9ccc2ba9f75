"""Rules and alerts in sentences: what is asked, what was found."""

from collections.abc import Mapping

from monitoring.models import Aggregate, AlertRule, Direction, HealthCheck, RuleKind, Series, Speed, Versus
from monitoring.probes import Kind
from postdeploy.lib import words

#: What checks measure, and its unit.
ASPECTS: Mapping[str, tuple[str, str]] = {
    "response_time": ("Response time", "ms"),
    "up": ("Share of good readings", ""),
    "certificate_days": ("Days left of the certificate", "d"),
    "dns": ("Name lookup time", "ms"),
    "connect": ("Connect time", "ms"),
    "tls": ("TLS handshake time", "ms"),
    "first_byte": ("Time to first byte", "ms"),
}
_PHASES = frozenset({"dns", "connect", "tls", "first_byte"})
#: What is measured of a check beside whether it was good and how long it took, by its kind.
_MEASURED: Mapping[str, frozenset[str]] = {
    Kind.HTTP: _PHASES | {"certificate_days"},
    Kind.TCP: _PHASES - {"tls"},
    Kind.TLS: _PHASES - {"first_byte"} | {"certificate_days"},
    Kind.FLOW: _PHASES,
}
#: What an address without TLS does not have.
_OF_TLS = frozenset({"tls", "certificate_days"})
_VERSUS = {
    Versus.BEFORE: "the window before",
    Versus.DAY: "a day before",
    Versus.WEEK: "a week before",
}
_OF = {
    Aggregate.MEAN: "mean of", Aggregate.MAX: "highest", Aggregate.MIN: "lowest", Aggregate.LAST: "latest",
    Aggregate.P95: "95th percentile of", Aggregate.SUM: "sum of", Aggregate.COUNT: "number of samples of",
}  # fmt: skip
_SPEEDS = {
    Speed.FAST: "burns 14.4 times too fast over 1 h, or 6 times over 6 h",
    Speed.SLOW: "burns faster than it lasts, over 3 d",
}


def never_measured(aspect: str, check: HealthCheck) -> str:
    """Say why `aspect` is never measured of `check` and what to choose instead; "" when it is."""
    known = _MEASURED.get(check.kind, frozenset())
    if check.kind == Kind.HTTP and check.target.strip().lower().startswith("http:"):
        known -= _OF_TLS
    if aspect in known or aspect not in _PHASES | _OF_TLS:
        return ""
    name = ASPECTS[aspect][0].lower()
    if aspect in _OF_TLS:
        return f"{check.name} has no {name}: choose a check of an https:// address or of a TLS port."
    return f"{check.name} has no {name}: a check of its kind measures its response time alone."


def subject_of_rule(rule: AlertRule) -> str:
    """Return what a rule looks at: "Checkout p95", "Response time of Shop front page", "Checkout answers"."""
    if rule.objective:
        return rule.objective.name
    if rule.metric:
        return rule.metric.name + _labels(rule.labels)
    name = ASPECTS.get(rule.aspect, (rule.aspect, ""))[0]
    return f"{name} of {rule.health_check.name if rule.health_check else 'each check'}"


def subject_of_series(series: Series) -> str:
    """Return what one series is about: "Checkout p95 {shop=de}", "Response time of Shop front page"."""
    if series.metric:
        return series.metric.name + _labels(series.labels)
    name = ASPECTS.get(series.aspect, (series.aspect, ""))[0]
    return f"{name} of {series.health_check}"


def _labels(labels: Mapping[str, str]) -> str:
    inner = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return f" {{{inner}}}" if inner else ""


def unit_of_rule(rule: AlertRule) -> str:
    """Return the unit of the value a rule compares with its threshold."""
    if rule.kind == RuleKind.ABSENCE:
        return "s"
    if rule.kind == RuleKind.BURN_RATE or rule.aggregate == Aggregate.COUNT:
        return ""
    if rule.kind == RuleKind.RATE_OF_CHANGE and rule.is_relative:
        return "%"
    return unit_of_subject(rule)


def unit_of_subject(rule: AlertRule) -> str:
    """Return the unit of what a rule looks at; of a counter per second."""
    if rule.metric is None:
        return ASPECTS.get(rule.aspect, ("", ""))[1]
    return rule.metric.line_unit


def rule_sentence(rule: AlertRule) -> str:
    """Return what a rule asks: "mean of Checkout p95 over 5 min above 800 ms for 10 min"."""
    return _asked(rule) if rule.kind == RuleKind.ABSENCE else f"{_asked(rule)}{_lasting(rule.hold_seconds)}"


def _asked(rule: AlertRule) -> str:
    subject = subject_of_rule(rule)
    if rule.kind == RuleKind.ABSENCE:
        still = f", and none {words.period(rule.hold_seconds)} later" if rule.hold_seconds else ""
        return f"no samples of {subject} for {words.period(rule.window_seconds)}{still}"
    if rule.kind == RuleKind.BURN_RATE:
        return f"the error budget of {subject} {_SPEEDS[Speed(rule.speed)]}"
    value = f"{_OF[Aggregate(rule.aggregate)]} {subject} over {words.period(rule.window_seconds)}"
    bound = words.quantity(abs(rule.threshold), unit_of_rule(rule))
    if rule.kind == RuleKind.RATE_OF_CHANGE:
        way = "higher" if rule.direction == Direction.ABOVE else "lower"
        return f"{value} more than {bound} {way} than {_VERSUS[Versus(rule.versus)]}"
    bound = words.quantity(rule.threshold, unit_of_rule(rule))
    return f"{value} {rule.get_direction_display()} {bound}"


def _lasting(seconds: int) -> str:
    return f" for {words.period(seconds)}" if seconds else ""


def value_words(rule: AlertRule, value: float) -> str:
    """Return a rule's value in words: "912 ms", "+45 %", "silent for 12 min", "3.2 times the allowed burn"."""
    if rule.kind == RuleKind.ABSENCE:
        return f"silent for {words.duration(value)}"
    if rule.kind == RuleKind.BURN_RATE:
        return f"{words.number(value)} times the limit"
    if rule.kind == RuleKind.RATE_OF_CHANGE:
        return words.signed(value, unit_of_rule(rule))
    return words.quantity(value, unit_of_rule(rule))


def alert_sentence(rule: AlertRule, subject: str, environment: str, value: float) -> str:
    """Return what was found: "Checkout p95 in production: 912 ms, above 800 ms for 10 min (mean over 5 min)"."""
    where = f"{subject} in {environment}"
    if rule.kind == RuleKind.ABSENCE:
        return f"{where} sent no samples for {words.duration(value)}"
    if rule.kind == RuleKind.BURN_RATE:
        return f"The error budget of {where} {_SPEEDS[Speed(rule.speed)]}: {value_words(rule, value)}"
    how = f"{rule.get_aggregate_display()} over {words.period(rule.window_seconds)}"
    if rule.kind == RuleKind.RATE_OF_CHANGE:
        against = _VERSUS[Versus(rule.versus)]
        return f"{where} changed by {value_words(rule, value)} ({how}, compared with {against})"
    bound = f"{rule.get_direction_display()} {words.quantity(rule.threshold, unit_of_rule(rule))}"
    return f"{where} is {value_words(rule, value)}, {bound}{_lasting(rule.hold_seconds)} ({how})"
