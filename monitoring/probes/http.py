"""HTTP checks: many at once, each with its conditions, each ending as a ``Reading``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitoring.probes.conditions import ConditionRefused, json_complaint, parse_expected_status, parse_json_path
from monitoring.probes.readings import MAX_DETAIL, FailureKind, Reading, excerpt, showable
from postdeploy.lib.addresses import Network, UrlRefused, check_url
from postdeploy.lib.http import MAX_BODY, Outcome, Request, RequestRefused, Response, fetch_many, header_refusal
from postdeploy.lib.words import NBSP, quantity

OnReading = Callable[[int, Reading], None]


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """What to ask, and what a good answer is. Empty conditions are not asked.

    ``expected_status``: ``200``, ``200-299,301``, ``2xx``. ``json_path``: ``data.items[0].ok`` or a JSON pointer;
    with an empty ``json_value`` the value only has to be there.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    expected_status: str = "200-299"
    body_contains: str = ""
    json_path: str = ""
    json_value: str = ""
    timeout_ms: int = 10_000
    max_response_ms: int | None = None
    follow: bool = True
    fresh: bool = False

    def request(self) -> Request:
        """The request to send; ``RequestRefused`` when it must not be sent."""
        return Request(
            url=self.url,
            method=self.method,
            headers=self.headers,
            body=self.body.encode() if self.body else None,
            timeout_s=self.timeout_ms / 1000,
            follow=self.follow,
            fresh=self.fresh,
        )


def probe_many(
    checks: Sequence[HttpCheck],
    allowed_networks: Iterable[Network | str],
    concurrency: int = 100,
    on_reading: OnReading | None = None,
) -> list[Reading]:
    """Read all checks, at most ``concurrency`` at a time; readings in the order of the checks.

    ``on_reading(index, reading)`` is called as each one ends. A check that cannot be asked is a reading of its own
    (INVALID) and stops no other.
    """
    readings: dict[int, Reading] = {}
    sent: list[int] = []
    requests: list[Request] = []

    def keep(index: int, reading: Reading) -> None:
        readings[index] = reading
        if on_reading:
            on_reading(index, reading)

    def on_done(position: int, outcome: Outcome) -> None:
        index = sent[position]
        keep(index, reading_of(checks[index], outcome))

    for index, check in enumerate(checks):
        try:
            requests.append(check.request())
            sent.append(index)
        except (RequestRefused, UnicodeError) as refused:
            keep(index, Reading(ok=False, kind=FailureKind.INVALID, detail=_detail(str(refused).removesuffix("."))))
    fetch_many(requests, allowed_networks, on_done, concurrency)
    return [readings[index] for index in range(len(checks))]


def refusals(check: HttpCheck, allowed_networks: Iterable[Network | str]) -> dict[str, str]:
    """What is wrong with a check that somebody wants to save: field name to sentence; empty if nothing."""
    found: dict[str, str] = {}
    for name, value in check.headers.items():
        if why := header_refusal(name, value):
            found["headers"] = why
    for name, examine in (
        ("url", lambda: check_url(check.url, allowed_networks)),
        ("expected_status", lambda: parse_expected_status(check.expected_status)),
        ("json_path", lambda: parse_json_path(check.json_path)),
    ):
        try:
            examine()
        except (UrlRefused, ConditionRefused) as refused:
            found[name] = str(refused)
    if check.json_value and not check.json_path.strip():
        found["json_path"] = "Say where in the JSON body the value is, such as status or data.items[0].ok."
    if check.method == "HEAD" and (check.body_contains or check.json_path):
        found["method"] = "HEAD brings no body; use GET to look into it."
    return found or _request_refusal(check)


def _request_refusal(check: HttpCheck) -> dict[str, str]:
    try:
        check.request()
    except RequestRefused as refused:
        return {"timeout_ms" if "time limit" in str(refused) else "method": str(refused)}
    return {}


def reading_of(check: HttpCheck, outcome: Outcome) -> Reading:
    """What an outcome means for a check."""
    kind, detail = _judged(check, outcome)
    expires_at = outcome.certificate_expires_at
    return Reading(
        ok=kind is None,
        kind=kind,
        detail=_detail(detail),
        status_code=outcome.status,
        total_ms=outcome.timings.total_ms,
        phases=outcome.timings,
        excerpt=excerpt(outcome.response.body) if kind and outcome.response else "",
        certificate_days=(expires_at - datetime.now(UTC)).days if expires_at else None,
    )


def _judged(check: HttpCheck, outcome: Outcome) -> tuple[FailureKind | None, str]:
    """The first thing that is wrong, or ``None`` and how it went."""
    if outcome.failure or not outcome.response:
        return FailureKind(outcome.failure or "OTHER"), outcome.detail
    response = outcome.response
    try:
        expected = parse_expected_status(check.expected_status)
        if response.status not in expected:
            return FailureKind.STATUS, f"HTTP {response.status}, expected {expected}"
        if check.max_response_ms and outcome.timings.total_ms > check.max_response_ms:
            took = _milliseconds(outcome.timings.total_ms)
            return FailureKind.SLOW, f"answered after {took}, the limit is {_milliseconds(check.max_response_ms)}"
        if check.body_contains and check.body_contains.encode("utf-8", "replace") not in response.body:
            return FailureKind.BODY, f"“{check.body_contains[:80]}” is not in {_body_words(response)}"
        if check.json_path and (complaint := _json_complaint(check, response)):
            return FailureKind.JSON, complaint
    except ConditionRefused as refused:  # cannot be saved like this, but may be left from an older version
        return FailureKind.INVALID, str(refused).removesuffix(".")
    return None, f"HTTP {response.status} in {_milliseconds(outcome.timings.total_ms)}"


def _json_complaint(check: HttpCheck, response: Response) -> str | None:
    if response.is_cut:
        return f"the JSON cannot be read: the body is larger than {MAX_BODY // 1024} KB"
    return json_complaint(response.body, check.json_path, check.json_value)


def _body_words(response: Response) -> str:
    return f"the first {MAX_BODY // 1024} KB of the body" if response.is_cut else "the body"


def _milliseconds(value: float) -> str:
    return quantity(round(value), "ms") if value >= 1 else f"under 1{NBSP}ms"


def _detail(text: str) -> str:
    return showable(text, MAX_DETAIL)
