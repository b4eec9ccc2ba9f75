"""The resolution process as rules: which move is allowed, what it needs, who may make it, and how bad an issue is.

Pure: statuses, severities and roles are the words stored in the database, results are plain data.
"""

from dataclasses import dataclass

IDENTIFIED, ASSESSED, ASSIGNED, RESOLVED, VERIFIED = "IDENTIFIED", "ASSESSED", "ASSIGNED", "RESOLVED", "VERIFIED"
STATUSES = (IDENTIFIED, ASSESSED, ASSIGNED, RESOLVED, VERIFIED)
#: The steps are nouns, the states they lead to participles.
STEPS = {
    IDENTIFIED: "Identification",
    ASSESSED: "Assessment",
    ASSIGNED: "Assignment",
    RESOLVED: "Resolution",
    VERIFIED: "Verification",
}

CRITICAL, MAJOR, MINOR = "CRITICAL", "MAJOR", "MINOR"
SEVERITIES = (CRITICAL, MAJOR, MINOR)

#: Weakest first. MACHINE is the sweep that proves by measurement.
ROLES = ("VIEWER", "RESPONDER", "MAINTAINER", "OWNER")
MACHINE = "MACHINE"

_MOVES = {
    IDENTIFIED: (ASSESSED, ASSIGNED, RESOLVED),
    ASSESSED: (ASSIGNED, RESOLVED),
    ASSIGNED: (ASSESSED, RESOLVED),
    RESOLVED: (VERIFIED, ASSIGNED, ASSESSED, IDENTIFIED),
    VERIFIED: (ASSIGNED, ASSESSED, IDENTIFIED),
}


@dataclass(frozen=True, slots=True)
class Move:
    """A wish to bring an issue from one status to another, with all that the rules ask about."""

    current: str
    target: str
    role: str
    has_owner: bool = False
    changes_owner: bool = False
    has_impact: bool = False
    resolution: str = ""
    reason: str = ""
    is_proven: bool = False

    @property
    def is_reopening(self) -> bool:
        """True when the work starts again."""
        return self.current in (RESOLVED, VERIFIED) and self.target in (IDENTIFIED, ASSESSED, ASSIGNED)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a move is not made: the field to mend, a sentence that says how, and whether it is a matter of role."""

    field: str
    sentence: str
    is_forbidden: bool = False


def targets(current: str, role: str) -> tuple[str, ...]:
    """Return the statuses that `role` may bring an issue to, provided that what the move needs is given."""
    allowed = (target for target in _MOVES[current] if not _role_refusal(Move(current, target, role)))
    return tuple(allowed)


def refusal(move: Move) -> Refusal | None:
    """Return why `move` is not made, or None when it is."""
    return _role_refusal(move) or _order_refusal(move) or _need_refusal(move)


def reopened_status(*, has_owner: bool) -> str:
    """Return where a reopened issue starts again: with its owner, if it has one."""
    return ASSIGNED if has_owner else IDENTIFIED


def _role_refusal(move: Move) -> Refusal | None:
    if move.role == MACHINE:
        return None
    if _rank(move.role) < _rank("RESPONDER"):
        return Refusal("status", "Working on issues needs the role Responder.", is_forbidden=True)
    if move.target == VERIFIED and _rank(move.role) < _rank("MAINTAINER"):
        sentence = "An issue is verified by measurement, or by a Maintainer who says why."
        return Refusal("status", sentence, is_forbidden=True)
    return None


def _order_refusal(move: Move) -> Refusal | None:
    if move.target not in STATUSES:
        return Refusal("status", f"There is no such status; use one of {', '.join(s.lower() for s in STATUSES)}.")
    if move.target == move.current == ASSIGNED and move.changes_owner:
        return None
    if move.target == move.current:
        return Refusal("status", f"It is {move.current.lower()} already.")
    if move.target in _MOVES[move.current]:
        return None
    if move.target == VERIFIED:
        return Refusal("status", "Only a resolved issue can be verified: resolve it first.")
    if move.current == VERIFIED:
        return Refusal("status", "It is verified: reopen it first.")
    return Refusal("status", f"It is {move.current.lower()}; the process does not lead back to {move.target.lower()}.")


def _need_refusal(move: Move) -> Refusal | None:
    if move.is_reopening and not move.reason.strip() and move.role != MACHINE:
        return Refusal("reason", "Say why it is reopened.")
    if move.target == ASSESSED and not move.has_impact:
        return Refusal("impact", "An assessment needs the impact: who or what suffers, and how much.")
    if move.target == ASSIGNED and not move.has_owner:
        return Refusal("owner", "An assigned issue needs an owner.")
    if move.target == RESOLVED and not move.resolution.strip():
        return Refusal("resolution", "Say what resolved it.")
    if move.target == VERIFIED:
        return _proof_refusal(move)
    return None


def _proof_refusal(move: Move) -> Refusal | None:
    if move.role == MACHINE:
        return None if move.is_proven else Refusal("status", "The measurements do not prove it yet.")
    return None if move.reason.strip() else Refusal("reason", "Say why it counts as verified without measurement.")


def _rank(role: str) -> int:
    return ROLES.index(role) if role in ROLES else -1


def severity_of_outage(*, is_critical: bool, environment_tier: str) -> str:
    """Return how bad it is that a check is down: a critical one in production is CRITICAL."""
    return _in_environment(CRITICAL if is_critical else MAJOR, environment_tier)


def severity_of_finding(*, is_critical: bool, verdict: str, environment_tier: str) -> str:
    """Return how bad a regression is: it is CRITICAL in production when a critical finding failed the deployment."""
    return _in_environment(CRITICAL if is_critical and verdict == "FAILED" else MAJOR, environment_tier)


def worse(one: str, other: str) -> str:
    """Return the worse of two severities."""
    return min(one, other, key=SEVERITIES.index)


def _in_environment(severity: str, environment_tier: str) -> str:
    """Outside production everything is one step less bad."""
    step = SEVERITIES.index(severity) + (environment_tier != "PRODUCTION")
    return SEVERITIES[min(step, len(SEVERITIES) - 1)]


def impact_of_outage(*, check: str, environment: str, is_critical: bool, since: str, version: str | None) -> str:
    """Return what a check's outage means, from the facts: "The critical check API of production is down since…"."""
    kind = "critical check" if is_critical else "check"
    live = f", while {version} is live" if version else ""
    return f"The {kind} {check} of {environment} is down since {since}{live}."


def impact_of_finding(*, name: str, environment: str, is_critical: bool, verdict: str, version: str) -> str:
    """Return what a regression means, from the facts: "production with v1.42.0: Error rate got worse…"."""
    consequence = {"FAILED": "its verdict is failed", "DEGRADED": "its verdict is degraded"}
    weight = "critical for the verdict" if is_critical else "not critical for the verdict"
    outcome = consequence.get(verdict, "the verdict is not certain")
    return f"In {environment}, {name} is worse with {version}: {outcome}. It is {weight}."


def impact_of_alert(*, rule: str, environment: str, since: str, version: str | None) -> str:
    """Return what a firing means, from the facts: "The alert rule Slow checkout found it in production since…"."""
    live = f", while {version} is live" if version else ""
    return f"The alert rule {rule} found it in {environment} since {since}{live}."


#: A value that kept no more than this share of its change has gone back.
BACK_SHARE = 0.25


def is_back(*, before: float, after: float, now: float) -> bool:
    """Tell whether a value that went from `before` to `after` is back, or better, `now`; whichever way is worse."""
    return after == before or (now - before) / (after - before) <= BACK_SHARE


def headline(sentence: str, *, fallback: str, name: str = "", limit: int = 200) -> str:
    """Return the first statement of `sentence` without its brackets and full stop, as a title of at most `limit`.

    The `name` that it begins with stays whole, whatever stands in it: "Requests (route /list)".
    """
    whole = sentence.strip()
    begin = len(name) if whole.startswith(name) else 0
    first = whole[:begin] + whole[begin:].split(" (")[0].split(". ")[0].rstrip(".").rstrip()
    title = " ".join((first or fallback).split())
    return title if len(title) <= limit else f"{title[: limit - 1].rstrip()}…"
