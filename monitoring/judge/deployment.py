"""From findings to one result for a deployment, and the sentence that people read first."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from monitoring.judge import phrases
from monitoring.judge.chances import passing_of
from monitoring.judge.facts import Finding, FindingResult, Judgement, Reason, Result, Subject, Window
from monitoring.judge.looks import LookPlan

#: What keeps a deployment from being called healthy when it says this of something that must have data.
_UNKNOWN = frozenset({Reason.TOO_LITTLE, Reason.GONE_SILENT, Reason.WAS_DOWN, Reason.NO_DATA})
_JUDGED = frozenset({FindingResult.UNCHANGED, FindingResult.IMPROVED, FindingResult.REGRESSED})
#: Judged as well, with this outcome: it moved, and not beyond the ordinary.
_UNCLEAR = frozenset({Reason.ORDINARY, Reason.RESTARTING, Reason.TOO_MANY_COMPARED})
_ORDER = (
    FindingResult.REGRESSED,
    FindingResult.INCONCLUSIVE,
    FindingResult.NO_DATA,
    FindingResult.IMPROVED,
    FindingResult.UNCHANGED,
)


def judge_deployment(
    findings: Iterable[Finding], *, window: Window, look: LookPlan, is_last_look: bool | None = None
) -> Judgement:
    """One look at a deployment.

    Before the last look the result is DEGRADED, FAILED or empty (nothing is worse so far); HEALTHY has to wait for the
    end. Muted findings are shown and count for nothing.
    """
    is_last = look.is_last if is_last_look is None else is_last_look
    ruled = _within_budget(list(findings), look.budget)
    ordered = tuple(sorted(ruled, key=_importance))
    tally = _Tally.of(finding for finding in ordered if not finding.is_muted)
    result, reasons = _result(tally, is_last=is_last)
    return Judgement(
        result=result,
        is_final=is_last,
        sentence=_sentence(tally, result, window),
        findings=ordered,
        reasons=reasons,
        next_look_seconds=None if is_last or look.next_look_at is None else look.next_look_at - window.looked_at,
        confidence=_confidence(tally, result),
    )


def _within_budget(findings: list[Finding], budget: float) -> list[Finding]:
    """Regressions that are no longer rare when one looks at so many metrics are not called regressions.

    The parts of one metric are compared among themselves: all of them together count as one metric.
    """
    families: defaultdict[Hashable, list[float]] = defaultdict(list)
    for finding in findings:
        if finding.chance is not None and not finding.is_muted and finding.subject is Subject.METRIC:
            families[_family(finding)].append(finding.chance)
    largest = passing_of(families, budget)
    return [
        _demoted(finding, len(families), budget)
        if _is_doubtful(finding, largest.get(_family(finding), 0.0))
        else finding
        for finding in findings
    ]


def _family(finding: Finding) -> Hashable:
    return ("parts of", finding.part_of) if finding.part_of else finding.key


def _is_doubtful(finding: Finding, largest: float) -> bool:
    is_statistical = finding.subject is Subject.METRIC and not finding.is_hard_limit_broken and not finding.is_muted
    is_regressed = finding.result is FindingResult.REGRESSED and finding.chance is not None
    return is_statistical and is_regressed and (finding.chance or 0.0) > largest


def _demoted(finding: Finding, compared: int, budget: float) -> Finding:
    among = f" among {compared} metrics" if compared > 1 else ""
    said = f"That is not rare enough{among} to call it worse." if budget > 0 else "The next planned look weighs it."
    return finding.ruled(FindingResult.INCONCLUSIVE, Reason.TOO_MANY_COMPARED, f"{finding.sentence} {said}")


def _importance(finding: Finding) -> tuple[int, int, int, int, float, str, str]:
    return (
        int(finding.is_muted),
        _ORDER.index(finding.result),
        int(not (finding.is_hard_limit_broken or Reason.DOWN in finding.reasons)),
        int(not finding.is_critical),
        -finding.weight * finding.score,
        finding.name,
        finding.key,
    )


@dataclass(frozen=True, slots=True)
class _Tally:
    """The findings that count, sorted out."""

    findings: tuple[Finding, ...]
    worse: tuple[Finding, ...]
    fatal: tuple[Finding, ...]
    judged: tuple[Finding, ...]
    unknown: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "_Tally":
        counted = tuple(findings)
        worse = tuple(finding for finding in counted if finding.result is FindingResult.REGRESSED)
        return cls(
            findings=counted,
            worse=worse,
            fatal=tuple(finding for finding in worse if _is_fatal(finding)),
            judged=tuple(f for f in counted if f.result in _JUDGED or _is_unclear(f)),
            unknown=tuple(f for f in counted if _is_unknown(f)),
        )

    @property
    def never_moves(self) -> bool:
        """Whether all that was judged had one value all the time: that says as little as no values."""
        return bool(self.judged) and all(Reason.NEVER_MOVES in finding.reasons for finding in self.judged)

    @property
    def has_data(self) -> bool:
        """Whether anything at all was measured."""
        return any(finding.result is not FindingResult.NO_DATA for finding in self.findings)


def _is_fatal(finding: Finding) -> bool:
    if finding.subject is Subject.CHECK:
        return finding.is_critical and Reason.DOWN in finding.reasons
    return finding.is_hard_limit_broken or finding.is_critical


def _is_unclear(finding: Finding) -> bool:
    return finding.result is FindingResult.INCONCLUSIVE and not _UNCLEAR.isdisjoint(finding.reasons)


def _is_unknown(finding: Finding) -> bool:
    if Reason.WAS_DOWN in finding.reasons:
        return True
    is_undecided = finding.result in (FindingResult.NO_DATA, FindingResult.INCONCLUSIVE)
    return finding.must_have_data and is_undecided and not _UNKNOWN.isdisjoint(finding.reasons)


def _result(tally: _Tally, *, is_last: bool) -> tuple[Result | None, tuple[Reason, ...]]:
    if tally.fatal:
        is_down = any(Reason.DOWN in finding.reasons for finding in tally.fatal)
        is_beyond = any(finding.is_hard_limit_broken for finding in tally.fatal)
        named = [
            reason for reason, holds in ((Reason.CRITICAL_DOWN, is_down), (Reason.LIMIT_BROKEN, is_beyond)) if holds
        ]
        return Result.FAILED, tuple(named) or (Reason.REGRESSION,)
    if tally.worse:
        return Result.DEGRADED, (Reason.REGRESSION,)
    if not is_last:
        return None, (Reason.STILL_WATCHING,)
    return _final_without_regression(tally)


def _final_without_regression(tally: _Tally) -> tuple[Result, tuple[Reason, ...]]:
    if not tally.findings:
        return Result.BLIND, (Reason.NOTHING_WATCHED,)
    if not tally.has_data:
        return Result.BLIND, (Reason.NO_DATA,)
    if tally.unknown:
        return Result.INCONCLUSIVE, (Reason.MUST_HAVE_DATA,)
    if not tally.judged:
        return Result.INCONCLUSIVE, (Reason.TOO_LITTLE,)
    if tally.never_moves:
        return Result.INCONCLUSIVE, (Reason.NEVER_MOVES,)
    has_new = any(Reason.NO_HISTORY in finding.reasons for finding in tally.findings)
    return Result.HEALTHY, (Reason.NOTHING_WORSE, *([Reason.FIRST_DEPLOYMENT] if has_new else []))


def _confidence(tally: _Tally, result: Result | None) -> float | None:
    """How sure the result is: of what was found, by the rarest finding; of nothing found, by how much was seen."""
    if result is Result.FAILED:
        return 1.0
    if result is Result.DEGRADED:
        return round(1.0 - min(finding.chance or 0.0 for finding in tally.worse), 4)
    if result is not Result.HEALTHY:
        return None
    whole = sum(finding.weight for finding in tally.findings)
    seen = sum(finding.weight * finding.coverage_after for finding in tally.judged)
    return round(seen / whole, 4) if whole else None


# In words.


def _sentence(tally: _Tally, result: Result | None, window: Window) -> str:
    if result in (Result.FAILED, Result.DEGRADED):
        return _worse_sentence(tally, result)
    if result is Result.BLIND:
        return _blind_sentence(tally, window)
    if result is Result.INCONCLUSIVE:
        return _unknown_sentence(tally)
    if result is None and not tally.judged:
        return "Nothing can be said yet: too little has been measured so far."
    opening = f"Nothing got worse in {phrases.period(window.seconds_watched)}" if result else "Nothing is worse so far"
    return f"{opening}: {_counts(tally)}.{_unclear_sentence(tally)}{_new_sentence(tally)}"


def _of(findings: Sequence[Finding], subject: Subject) -> list[Finding]:
    return [finding for finding in findings if finding.subject is subject]


def _counts(tally: _Tally) -> str:
    """``14 of 14 metrics and 9 checks``."""
    parts = []
    for subject, noun in ((Subject.METRIC, "metric"), (Subject.CHECK, "check")):
        judged, all_of_them = len(_of(tally.judged, subject)), len(_of(tally.findings, subject))
        if all_of_them and subject is Subject.CHECK and judged == all_of_them:
            parts.append(phrases.plural(judged, noun))
        elif judged or (subject is Subject.METRIC and all_of_them > len(_new(tally))):  # "0 of 3" is worth saying
            parts.append(f"{judged:,} of {phrases.plural(all_of_them, noun)}")
    return phrases.listing(parts)


def _unclear_sentence(tally: _Tally) -> str:
    unclear = [finding for finding in tally.findings if _is_unclear(finding)]
    return f" {_some(unclear)} moved, but not further than at ordinary moments." if unclear else ""


def _new_sentence(tally: _Tally) -> str:
    new = len(_new(tally))
    if not new:
        return ""
    verb = "has" if new == 1 else "have"
    return f" {phrases.plural(new, 'metric')} {verb} no history yet and {'was' if new == 1 else 'were'} not judged."


def _new(tally: _Tally) -> list[Finding]:
    return [finding for finding in tally.findings if Reason.NO_HISTORY in finding.reasons]


def _worse_sentence(tally: _Tally, result: Result) -> str:
    """What, how bad: ``3 of 14 metrics got worse, Error rate beyond its hard limit. Checkout API is down.``"""
    downs = [finding.name for finding in tally.worse if Reason.DOWN in finding.reasons]
    said = [f"{phrases.listing(downs)} {'is' if len(downs) == 1 else 'are'} down."] if downs else []
    worse = [finding for finding in tally.worse if Reason.DOWN not in finding.reasons]
    parts = []
    for subject, noun in ((Subject.METRIC, "metric"), (Subject.CHECK, "check")):
        if count := len(_of(worse, subject)):
            parts.append(f"{count:,} of {phrases.plural(len(_of(tally.findings, subject)), noun)}")
    if parts:
        said.append(f"{phrases.listing(parts)} got worse{_limit_words(worse, result)}.")
    return " ".join(said)


def _limit_words(worse: Sequence[Finding], result: Result) -> str:
    beyond = [finding.name for finding in worse if finding.is_hard_limit_broken]
    if beyond:
        return f", {phrases.listing(beyond)} beyond {'its hard limit' if len(beyond) == 1 else 'their hard limits'}"
    critical = [finding.name for finding in worse if _is_fatal(finding)]
    if critical:
        return f", {phrases.listing(critical)} {'is' if len(critical) == 1 else 'are'} critical"
    return ", no limit was broken" if result is Result.DEGRADED else ""


def _blind_sentence(tally: _Tally, window: Window) -> str:
    if not tally.findings:
        return "Nothing was watched: there are no checks and no metrics here."
    return f"Nothing was measured: no samples in {phrases.period(window.seconds_watched)}."


def _unknown_sentence(tally: _Tally) -> str:
    if not tally.unknown and tally.never_moves:
        return (
            f"Nothing got worse, but that shows little: {_some(tally.judged)} had one and the same value all the time."
        )
    if not tally.unknown:
        return f"Too little to judge.{_new_sentence(tally)}"
    was_down = [finding for finding in tally.unknown if Reason.WAS_DOWN in finding.reasons]
    silent = [finding for finding in tally.unknown if finding.result is FindingResult.NO_DATA]
    unclear = [finding for finding in tally.unknown if finding not in (*silent, *was_down)]
    parts = []
    if was_down:
        parts.append(f"{_some(was_down)} {'was' if len(was_down) == 1 else 'were'} already down before")
    if silent:
        parts.append(f"{_some(silent)} {'has' if len(silent) == 1 else 'have'} no data")
    if unclear:
        parts.append(f"{_some(unclear)} could not be judged")
    return f"Nothing got worse, but that is not all: {phrases.listing(parts)}."


def _some(findings: Sequence[Finding]) -> str:
    """Up to three names, or how many."""
    if len(findings) <= 3:
        return phrases.listing([finding.name for finding in findings])
    kinds = [(len(_of(findings, Subject.METRIC)), "metric"), (len(_of(findings, Subject.CHECK)), "check")]
    return phrases.listing([phrases.plural(count, noun) for count, noun in kinds if count])
