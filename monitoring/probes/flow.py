"""Flows: several requests in a row, each using what those before it brought. A business process, end to end."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlsplit

from monitoring.conditions import Answer, Condition, find
from monitoring.conditions.answers import NotJson
from monitoring.conditions.kinds import Status
from monitoring.conditions.language import Source
from monitoring.conditions.paths import MISSING
from monitoring.probes.certificates import client_certificate
from monitoring.probes.definitions import Definition
from monitoring.probes.faults import Faults
from monitoring.probes.http import WELL, request_headers, seen_of
from monitoring.probes.readings import FailureKind, Seen, StepSeen, clause, judged, milliseconds, without
from monitoring.probes.steps import Step, fill, fill_url, read_steps, secrets_used
from postdeploy.lib.addresses import Network
from postdeploy.lib.http import Outcome, Request, RequestRefused, Timings, fetch

MAX_VALUE = 4000


@dataclass(slots=True)
class _Run:
    """A flow under way: the values captured so far, the cookies of each site, and where the time went."""

    values: dict[str, str]
    began: float = field(default_factory=time.monotonic)
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    steps: list[StepSeen] = field(default_factory=list)
    phases: Timings = field(default_factory=Timings)

    def take_cookies(self, outcome: Outcome) -> None:
        """Keep what an answer sets, for its site alone."""
        jar = self.cookies.setdefault(_site(outcome.url), {})
        for line in (outcome.response.head if outcome.response else b"").split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key.strip().lower() == b"set-cookie":
                name, _, content = value.decode("latin-1").split(";")[0].strip().partition("=")
                jar[name.strip()] = content.strip()

    def cookie_header(self, url: str) -> dict[str, str]:
        """The header that gives the cookies of a site back."""
        jar = self.cookies.get(_site(url))
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}


@dataclass(frozen=True, slots=True)
class FlowCheck:
    """Steps, the secrets they name, and what is expected of the whole."""

    steps: tuple[Step, ...]
    secrets: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    certificate: tuple[bytes, bytes] | None = None
    conditions: tuple[Condition, ...] = ()
    timeout_ms: int = 30_000
    hidden: tuple[str, ...] = ()
    needs_facts: bool = False

    def look(self, allowed_networks: Iterable[Network | str], **_unneeded: object) -> Seen:
        """Take the steps one after the other, until one fails or the time is over."""
        run = _Run({f"secret.{name}": value for name, value in self.secrets.items()})
        networks = tuple(allowed_networks)
        seen = Seen()
        for number, step in enumerate(self.steps, start=1):
            seen, failed = self._take(run, step, networks)
            run.phases += seen.phases
            run.steps.append(
                StepSeen(step.name, failed is None, self._said(failed[1] if failed else seen.words), seen.phases)
            )
            if failed:
                where = f"step {number} “{step.name[:80]}”"
                return self._seen(run, seen, failure=failed[0], detail=f"{where}: {failed[1]}")
        took = milliseconds(run.phases.total_ms)
        return self._seen(
            run, seen, words=f"{len(self.steps)} steps in {took}" if len(self.steps) > 1 else f"1 step in {took}"
        )

    def _seen(
        self, run: _Run, last: Seen, failure: FailureKind | None = None, detail: str = "", words: str = ""
    ) -> Seen:
        """The whole flow, with the answer of its latest step."""
        if last.answer:
            last.answer.time_ms = run.phases.total_ms
        return Seen(
            answer=last.answer, failure=failure, detail=detail, words=words, phases=run.phases, address=last.address,
            redirects=last.redirects, steps=tuple(run.steps),
        )  # fmt: skip

    def _take(
        self, run: _Run, step: Step, networks: tuple[Network | str, ...]
    ) -> tuple[Seen, tuple[FailureKind, str] | None]:
        """What a step brought, and how it failed."""
        left = self.timeout_ms / 1000 - (time.monotonic() - run.began)
        if left <= 0:
            return Seen(), (FailureKind.TIMEOUT, f"timed out after {self.timeout_ms / 1000:.1f} s, before it began")
        try:
            outcome = fetch(self._request(run, step, left), networks)
        except (RequestRefused, UnicodeError) as refused:
            return Seen(), (FailureKind.INVALID, str(refused).removesuffix("."))
        run.take_cookies(outcome)
        seen = seen_of(outcome)
        has_status = any(isinstance(condition, Status) for condition in step.conditions)
        reading = judged(seen, step.conditions if has_status else (WELL, *step.conditions), self.hidden)
        if reading.kind:
            return seen, (reading.kind, reading.detail)
        return seen, self._capture(run, step, seen.answer)

    def _request(self, run: _Run, step: Step, left: float) -> Request:
        url = fill_url(step.url, run.values)
        own = {name: fill(value, run.values) for name, value in step.headers.items()}
        return Request(
            url=url,
            method=step.method,
            headers={**self.headers, **run.cookie_header(url), **own},
            body=_body(step, run.values) or None,
            timeout_s=left,
            follow=True,
            certificate=self.certificate,
        )

    def _capture(self, run: _Run, step: Step, answer: Answer | None) -> tuple[FailureKind, str] | None:
        for name, source in step.captures:
            value = _captured(source, answer or Answer())
            if value is None:
                return FailureKind.BODY, f"nothing to capture as {name}: there is no {_place(source)}"
            if len(value) > MAX_VALUE:
                return FailureKind.TOO_LARGE, f"what should be captured as {name} has more than {MAX_VALUE} characters"
            run.values[name] = value
        return None

    def _said(self, text: str) -> str:
        return clause(without(text, self.hidden))


def _site(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _body(step: Step, values: Mapping[str, str]) -> bytes:
    """The body with its places filled: as the text of JSON in JSON, percent-encoded in a form, as it is elsewhere."""
    kind = next((value for name, value in step.headers.items() if name.lower() == "content-type"), "")
    if "json" in kind or step.body.lstrip()[:1] in ("{", "["):
        values = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in values.items()}
    elif "form" in kind:
        values = {name: quote_plus(value) for name, value in values.items()}
    return fill(step.body, values).encode()


def _captured(source: Source, answer: Answer) -> str | None:
    if source.kind == "header":
        return answer.header(source.name)
    if source.pattern:
        match = source.pattern.search(answer.body)
        return match.group(1 if match.re.groups else 0).decode("utf-8", "replace") if match else None
    try:
        value = find(answer.document(), source.steps)
    except NotJson:
        return None
    if value is MISSING or value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _place(source: Source) -> str:
    return f"match of {source.pattern} in the body" if source.pattern else f"{source.kind} {source.name}"


def compile_flow(row: Definition, faults: Faults) -> FlowCheck | None:
    """The check of a definition, or ``None`` with its faults noted."""
    faults.only(row.options, {"steps": str})
    secrets = faults.secrets(row)
    steps = read_steps(str(row.options.get("steps", "")), faults)
    if missing := secrets_used(steps) - secrets.values.keys():
        name = min(missing)
        faults.note("values", f"Give the secret {name} a value: a step uses {{{{secret.{name}}}}}.")
    headers = request_headers(secrets, faults)
    certificate = client_certificate(secrets, faults)
    faults.timeout_s(row)
    conditions = faults.conditions(row)
    if faults.found:
        return None
    return FlowCheck(steps, secrets.values, headers, certificate, conditions, row.timeout_ms, secrets.hidden())
