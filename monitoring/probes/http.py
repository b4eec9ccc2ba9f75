"""HTTP checks: what is asked, ready to be sent, and what an outcome means. The hot path of the poller."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from monitoring.conditions import Answer, Condition
from monitoring.conditions.kinds import Number, Status, Text
from monitoring.probes.certificates import client_certificate
from monitoring.probes.definitions import Definition
from monitoring.probes.faults import Faults
from monitoring.probes.readings import FailureKind, Reading, Seen, clause, days_left, excerpt, judged, milliseconds
from monitoring.probes.secrets import Secrets
from postdeploy.lib.addresses import Network
from postdeploy.lib.http import HTTP_VERSIONS, METHODS, Outcome, Request, Response, fetch, fetch_many, header_refusal
from postdeploy.lib.words import quantity

OnReading = Callable[[int, Reading], None]

#: What counts as well where no condition names a status.
WELL = Status(((200, 299),))
MAX_BODY_SENT = 10_000
_BODILESS = "HEAD brings no body; use GET to look into it."


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A request, once with a kept connection and once with one of its own, and what is expected of the answer."""

    request: Request
    fresh_request: Request
    conditions: tuple[Condition, ...] = (WELL,)
    timeout_ms: int = 10_000
    hidden: tuple[str, ...] = ()
    needs_facts: bool = False

    @classmethod
    def to(cls, request: Request, conditions: Sequence[Condition] = (), hidden: tuple[str, ...] = ()) -> "HttpCheck":
        """A check that sends a request; without a condition on the status, 200–299 is well."""
        has_status = any(isinstance(condition, Status) for condition in conditions)
        return cls(
            request=request,
            fresh_request=replace(request, fresh=True),
            conditions=tuple(conditions) if has_status else (WELL, *conditions),
            timeout_ms=round(request.timeout_s * 1000),
            hidden=hidden,
        )


def request_of(check: HttpCheck, *, fresh: bool = False) -> Request:
    """The request to send; ``fresh`` asks for a connection of its own."""
    return check.fresh_request if fresh else check.request


def reading_of(check: HttpCheck, outcome: Outcome, *, with_words: bool = True) -> Reading:
    """What an outcome means for a check; a good reading can go without words, see `words_of`."""
    response = outcome.response
    if response is None or outcome.failure is not None:
        return judged(seen_of(outcome), check.conditions, check.hidden)
    timings = outcome.timings
    days = days_left(outcome.certificate_expires_at)
    answer = _answer(response, outcome, days)
    for condition in check.conditions:
        if (complaint := condition.complaint(answer)) is not None:
            kind, detail = FailureKind(condition.failure), clause(complaint, check.hidden)
            shown = excerpt(response.body, check.hidden)
            return Reading(
                False, kind, detail, response.status, timings.total_ms, timings, shown, days, outcome.is_reused,
                outcome.address,
            )  # fmt: skip
    reading = Reading(
        True, None, "", response.status, timings.total_ms, timings, "", days, outcome.is_reused, outcome.address
    )
    if with_words:
        reading.detail = words_of(reading)
    return reading


def words_of(reading: Reading) -> str:
    """How a good reading went."""
    return f"HTTP {reading.status_code} in {milliseconds(reading.total_ms)}"


def seen_of(outcome: Outcome) -> Seen:
    """What an outcome brought, without judging it."""
    response = outcome.response
    days = days_left(outcome.certificate_expires_at)
    failure = outcome.failure or (None if response else "OTHER")
    return Seen(
        answer=_answer(response, outcome, days) if response else None,
        failure=FailureKind(failure) if failure else None,
        detail=outcome.detail,
        words=f"HTTP {response.status} in {milliseconds(outcome.timings.total_ms)}" if response else "",
        phases=outcome.timings,
        address=outcome.address,
        redirects=outcome.redirects,
        is_reused=outcome.is_reused,
        certificate=f"valid for {quantity(days, 'day')} more" if days is not None and days >= 0 else "",
    )


def _answer(response: Response, outcome: Outcome, days: int | None) -> Answer:
    return Answer(
        outcome.timings.total_ms,
        response.status,
        response.head,
        response.body,
        response.is_cut,
        outcome.redirects,
        days,
    )


def look(check: HttpCheck, allowed_networks: Iterable[Network | str]) -> Seen:
    """Ask once, over a connection of its own."""
    return seen_of(fetch(check.fresh_request, allowed_networks))


def probe_many(
    checks: Sequence[HttpCheck],
    allowed_networks: Iterable[Network | str],
    concurrency: int = 100,
    on_reading: OnReading | None = None,
) -> list[Reading]:
    """Read all checks, at most ``concurrency`` at a time; readings in the order of the checks.

    ``on_reading(index, reading)`` is called as each one ends.
    """
    readings: dict[int, Reading] = {}

    def on_done(index: int, outcome: Outcome) -> None:
        readings[index] = reading_of(checks[index], outcome)
        if on_reading:
            on_reading(index, readings[index])

    fetch_many([check.request for check in checks], allowed_networks, on_done, concurrency)
    return [readings[index] for index in range(len(checks))]


# --- from a definition ------------------------------------------------------------------------------------------------


def compile_http(row: Definition, faults: Faults) -> HttpCheck | None:
    """The check of a definition, or ``None`` with its faults noted."""
    secrets, options = faults.secrets(row), row.options
    faults.only(options, {"method": str, "body": str, "http_version": str, "follow": bool})
    conditions = faults.conditions(row)
    url = faults.url("target", row.target)
    method = _method(options, conditions, faults)
    body = str(options.get("body", ""))
    if len(body) > MAX_BODY_SENT:
        faults.note("options.body", f"At most {MAX_BODY_SENT} characters are sent.")
    version = str(options.get("http_version", ""))
    if version not in HTTP_VERSIONS:
        faults.note("options.http_version", "Choose the version of HTTP from the list.")
    needs_certificate = any(isinstance(one, Number) and one.name == "certificate" for one in conditions)
    if needs_certificate and not row.target.strip().lower().startswith("https:"):
        faults.note("conditions", "Only an https:// address has a certificate to look at.")
    headers = request_headers(secrets, faults)
    certificate = client_certificate(secrets, faults)
    if faults.found:
        return None
    request = faults.request(
        url=url, method=method, headers=headers, body=body.encode() if body else None, timeout_s=row.timeout_ms / 1000,
        follow=bool(options.get("follow", True)), fresh=row.is_fresh or needs_certificate, version=version,
        certificate=certificate,
    )  # fmt: skip
    return HttpCheck.to(request, conditions, secrets.hidden()) if request else None


def request_headers(secrets: Secrets, faults: Faults) -> Mapping[str, str]:
    """The headers to send; a bad one is noted."""
    headers = secrets.request_headers()
    for name, value in headers.items():
        if not (why := header_refusal(name, value)):
            continue
        if name in secrets.headers:
            faults.note("headers", why)
        else:
            faults.note("token", "The token has characters that no header can carry: only printable ASCII.")
    return headers


def _method(options: Mapping[str, Any], conditions: Sequence[Condition], faults: Faults) -> str:
    method = str(options.get("method", "GET"))
    if method not in METHODS:
        faults.note("options.method", f"The method {method[:20]!r} is not one of {', '.join(METHODS)}.")
    if method == "HEAD" and any(_looks_into_body(condition) for condition in conditions):
        faults.note("options.method", _BODILESS)
    return method


def _looks_into_body(condition: Condition) -> bool:
    return condition.failure == "JSON" or (isinstance(condition, Text) and condition.name == "body")
