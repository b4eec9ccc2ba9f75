"""One period judged once more: the looks that were kept, in their order, by the rules of a watch."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.changes import Changes
from monitoring.judge.facts import Finding as Found
from monitoring.judge.facts import Judgement, Result
from monitoring.models import Finding, MonitoringPeriod, Verdict
from monitoring.services.blaming import Overlap, share
from monitoring.services.evidence import Evidence, InputsChanged, from_json, judge
from monitoring.services.replaying.inputs import CannotReplay, at_the_end, changed
from monitoring.watch import BAD

#: What a finding says that was muted: it is shown, and counts for nothing.
MUTED = "MUTED"


@dataclass(frozen=True)
class Said:
    """What one finding says."""

    key: str
    name: str
    word: str
    sentence: str


@dataclass(frozen=True)
class PeriodReplay:
    """What stood at the end of a period, then and now; results are empty where none was reached."""

    stage: str
    rule_version: str
    result_then: str
    result_now: str
    sentence: str
    differences: list[dict[str, str]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Look:
    judgement: Judgement
    evidence: Evidence
    note: str


def replay_period(period: MonitoringPeriod, changes: Changes) -> PeriodReplay | None:
    """Judge `period` once more with `changes`; None when nobody had looked at it. CannotReplay says why it cannot."""
    kept = list(period.verdicts.order_by("looked_at"))
    if not kept:
        return None
    then = next((look for look in kept if look.is_final), kept[-1])
    looks = list(_looks(period, kept, changes))
    now = _standing(looks)
    return PeriodReplay(
        stage=period.stage,
        rule_version=then.rule_version,
        result_then=period.result or "",
        result_now=str(now.judgement.result or ""),
        sentence=now.judgement.sentence,
        differences=_differences(period.stage, _said_then(then), _said_now(now.judgement.findings)),
        notes=tuple(dict.fromkeys(look.note for look in looks if look.note)),
    )


def _looks(period: MonitoringPeriod, kept: list[Verdict], changes: Changes) -> Iterable[_Look]:
    """The looks as they go now, until nothing would change what stands."""
    worst = ""
    evidence = None
    for verdict in kept:
        evidence = _evidence_of(verdict)
        if worst == Result.FAILED and not evidence.is_last:
            continue  # nobody looks between a failure and the end
        look = _judged(evidence, period, changes, Overlap.from_json(verdict.inputs.get("overlap")))
        worst = str(look.judgement.result or worst)
        yield look
    if evidence is not None and worst not in BAD and _was_decided_early(period, evidence):
        yield _judged(at_the_end(period, evidence), period, changes)


def _was_decided_early(period: MonitoringPeriod, latest: Evidence) -> bool:
    """Whether the end was not looked at because something bad stood."""
    ended_at = min(period.ended_at or period.closes_at, period.closes_at).timestamp()
    return period.result in BAD and latest.window.looked_at < ended_at


def _judged(evidence: Evidence, period: MonitoringPeriod, changes: Changes, overlap: Overlap | None = None) -> _Look:
    """One look as it goes now; of what overlapped is known what was kept then."""
    evidence, note = changed(evidence, period, changes)
    judgement, _ = share(judge(evidence), evidence, overlap)
    return _Look(judgement, evidence, note)


def _evidence_of(verdict: Verdict) -> Evidence:
    if "error" in verdict.inputs:
        raise CannotReplay("It could not be judged then: the judge failed, and what it looked at was not kept.")
    try:
        return from_json(verdict.inputs)
    except InputsChanged as error:
        text = str(error)
        raise CannotReplay(f"{text[:1].upper()}{text[1:]}.") from None
    except (KeyError, TypeError, ValueError):
        raise CannotReplay("What it was judged on was kept in a form that this version cannot read.") from None


def _standing(looks: list[_Look]) -> _Look:
    """The look whose result stands, as in a watch: the first bad one, worse ones after it, the last one otherwise."""
    standing = looks[0]
    for look in looks[1:]:
        before, result = standing.judgement.result, look.judgement.result
        is_open = before is None or before not in BAD
        is_worse = result is Result.FAILED and before is not Result.FAILED
        if is_open or is_worse or (look.evidence.is_last and result == before):
            standing = look
    return standing


# --- what differs -----------------------------------------------------------------------------------------------------


def _word(result: str, *, is_muted: bool) -> str:
    return MUTED if is_muted and result == "REGRESSED" else result


def _said_then(verdict: Verdict) -> dict[str, Said]:
    rows: Iterable[Finding] = verdict.findings.all()
    return {
        row.key: Said(row.key, row.name, _word(row.result, is_muted=bool(row.facts.get("is_muted"))), row.sentence)
        for row in rows
    }


def _said_now(findings: Iterable[Found]) -> dict[str, Said]:
    return {
        found.key: Said(found.key, found.name, _word(str(found.result), is_muted=found.is_muted), found.sentence)
        for found in findings
    }


def _differences(stage: str, then: dict[str, Said], now: dict[str, Said]) -> list[dict[str, str]]:
    """Findings that say another word now, in the order of now; those of which one side has none are left out."""
    return [
        {"stage": stage, "key": key, "name": said.name[:200], "then": then[key].word, "now": said.word,
         "sentence": said.sentence}
        for key, said in now.items()
        if key in then and then[key].word != said.word
    ]  # fmt: skip
