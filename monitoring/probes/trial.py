"""One reading for somebody who is writing a check: what came back, and each condition by itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from monitoring.probes.http import HttpCheck, reading_of
from monitoring.probes.readings import FailureKind, Reading
from postdeploy.lib.addresses import Network
from postdeploy.lib.http import Outcome, RequestRefused, fetch

#: Conditions of an answer: the field that states it, and what it is called.
CONDITIONS = {
    "expected_status": "Status",
    "max_response_ms": "Response time",
    "body_contains": "Text in the body",
    "json_path": "Value in the JSON body",
}
_OPEN = {"expected_status": "100-599", "max_response_ms": None, "body_contains": "", "json_path": "", "json_value": ""}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition's result: its name, whether it holds, and why not."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came back. Without an answer there are no conditions, and `reading` says why."""

    reading: Reading
    conditions: tuple[Condition, ...] = ()
    body: str = ""
    address: str = ""
    redirects: int = 0


def try_check(check: HttpCheck, allowed_networks: Iterable[Network | str]) -> Trial:
    """Read a check once, over a fresh connection, and look at each of its conditions."""
    try:
        request = replace(check, fresh=True).request()
    except (RequestRefused, UnicodeError) as refused:
        return Trial(Reading(ok=False, kind=FailureKind.INVALID, detail=str(refused).removesuffix(".")))
    outcome = fetch(request, allowed_networks)
    return Trial(
        reading=reading_of(check, outcome),
        conditions=tuple(_conditions(check, outcome)) if outcome.response and not outcome.failure else (),
        body=_body(check, outcome),
        address=outcome.address or "",
        redirects=outcome.redirects,
    )


def _conditions(check: HttpCheck, outcome: Outcome) -> Iterator[Condition]:
    """Each stated condition, judged as if it were the only one."""
    for name, words in CONDITIONS.items():
        stated = getattr(check, name)
        if not stated:
            continue
        alone = {**_OPEN, name: stated} | ({"json_value": check.json_value} if name == "json_path" else {})
        reading = reading_of(replace(check, **alone), outcome)
        yield Condition(words, reading.ok, "" if reading.ok else reading.detail)


def _body(check: HttpCheck, outcome: Outcome) -> str:
    """The beginning of the body, safe to show; an impossible status makes a reading that carries it."""
    return reading_of(replace(check, expected_status="100"), outcome).excerpt
