r"""The text of a flow: steps as people write them, in the manner of .http files.

    ### Fill the cart
    POST https://shop.example/cart
    Content-Type: application/json

    {"item": 4711}
    expect status is 201
    capture cart = json id

    ### Check out
    POST https://shop.example/cart/{{cart}}/checkout
    Authorization: Bearer {{secret.token}}
    expect json status == "paid"

After a title come the request line, headers, an empty line and the body; lines that begin with ``expect`` are
conditions, those with ``capture`` name a value for later steps.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from monitoring.conditions import Condition, ConditionRefused, ConditionsRefused, parse, parse_source
from monitoring.conditions.language import Source
from monitoring.probes.faults import Faults
from postdeploy.lib.http import METHODS, header_refusal

MAX_STEPS = 20
MAX_TEXT = 20_000
_TITLE = re.compile(r"###\s*(.*)")
_REQUEST = re.compile(r"([A-Z]+)\s+(\S+)")
_CAPTURE = re.compile(r"capture\s+([A-Za-z_]\w{0,39})\s*=\s*(.+)")
_PLACE = re.compile(r"\{\{\s*(?:(secret)\.)?([A-Za-z_]\w{0,39})\s*\}\}")
_TEMPLATE = re.compile(r"(https?://[^/?#{}\s]+)(.*)", re.IGNORECASE)


class StepsRefused(ValueError):
    """The text of a flow cannot be read; the sentence names the line and the fix."""


@dataclass(slots=True)
class Step:
    """One request of a flow. `url`, header values and `body` may have places for captured values and secrets."""

    name: str
    line: int
    method: str = ""
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    expects: list[str] = field(default_factory=list)
    conditions: tuple[Condition, ...] = ()
    captures: list[tuple[str, Source]] = field(default_factory=list)


def read_steps(text: str, faults: Faults) -> tuple[Step, ...]:
    """The steps of a text; none, with the reason noted in ``options.steps``, when it cannot be read."""
    try:
        steps = _read(text)
        for step in steps:
            _examine(step, faults)
        _require_known(steps)
    except StepsRefused as refused:
        faults.note("options.steps", str(refused))
        return ()
    return tuple(steps)


def _read(text: str) -> list[Step]:
    if len(text) > MAX_TEXT:
        raise StepsRefused(f"The steps have more than {MAX_TEXT} characters.")
    steps: list[Step] = []
    in_body = False
    for number, written in enumerate(text.splitlines(), start=1):
        line = written.rstrip()
        if title := _TITLE.fullmatch(line):
            steps.append(Step(title[1].strip() or f"Step {len(steps) + 1}", number))
            in_body = False
        elif not steps:
            if line.strip():
                raise StepsRefused(
                    f"Line {number}: A flow begins with the title of its first step, such as ### Sign in."
                )
        else:
            in_body = _take(steps[-1], line, number, in_body=in_body)
    if not steps:
        raise StepsRefused(
            "Write at least one step: ### and its title, then a line such as GET https://shop.example/cart."
        )
    if len(steps) > MAX_STEPS:
        raise StepsRefused(f"A flow has at most {MAX_STEPS} steps.")
    return steps


def _take(step: Step, line: str, number: int, *, in_body: bool) -> bool:
    """Add one line to a step; whether what follows belongs to the body."""
    if line.startswith("expect "):
        step.expects.append(line.removeprefix("expect "))
        _parse_last(step, number)
    elif line.startswith("capture"):
        step.captures.append(_capture(line, number))
    elif not step.method:
        if line.strip():
            _take_request(step, line, number)
    elif in_body:
        step.body += line + "\n"
    elif not line.strip():
        return True
    else:
        _take_header(step, line, number)
    return in_body


def _parse_last(step: Step, number: int) -> None:
    try:
        parse(step.expects[-1], "HTTP")
    except ConditionsRefused as refused:
        raise StepsRefused(f"Line {number}: {refused.problems[0].sentence}") from None


def _capture(line: str, number: int) -> tuple[str, Source]:
    match = _CAPTURE.fullmatch(line)
    if not match:
        raise StepsRefused(f"Line {number}: Write a name and where its value is, such as: capture cart = json id.")
    try:
        return match[1], parse_source(match[2])
    except ConditionRefused as refused:
        raise StepsRefused(f"Line {number}: {refused}") from None


def _take_request(step: Step, line: str, number: int) -> None:
    match = _REQUEST.fullmatch(line.strip())
    if not match or match[1] not in METHODS:
        raise StepsRefused(
            f"Line {number}: After the title comes the request, such as: POST https://shop.example/cart"
            f" (methods: {', '.join(METHODS)})."
        )
    if not _TEMPLATE.fullmatch(match[2]):
        raise StepsRefused(
            f"Line {number}: The address begins with http:// or https:// and a host that is written out."
        )
    step.method, step.url = match[1], match[2]


def _take_header(step: Step, line: str, number: int) -> None:
    name, colon, value = (part.strip() for part in line.partition(":"))
    if not colon:
        raise StepsRefused(f"Line {number}: Write a header as Name: value; the body comes after an empty line.")
    if why := header_refusal(name, _PLACE.sub("", value)):
        raise StepsRefused(f"Line {number}: {why}")
    step.headers[name] = value


def _examine(step: Step, faults: Faults) -> None:
    if not step.method:
        raise StepsRefused(
            f"Line {step.line}: “{step.name[:60]}” has no request; write one such as GET https://shop.example/."
        )
    step.body = step.body.strip("\n")
    probe = Faults(faults.networks)
    probe.url("url", fill_url(step.url, _Anything()))
    if probe.found:
        raise StepsRefused(f"Line {step.line}: {probe.found['url']}")
    step.conditions = parse("\n".join(step.expects), "HTTP")


def _require_known(steps: Iterable[Step]) -> None:
    captured: set[str] = set()
    for step in steps:
        for text in (step.url, step.body, *step.headers.values()):
            for secret, name in _PLACE.findall(text):
                if not secret and name not in captured:
                    raise StepsRefused(
                        f"Line {step.line}: “{step.name[:60]}” uses {{{{{name}}}}}, which no step before it captures."
                    )
        captured.update(name for name, _ in step.captures)


def secrets_used(steps: Iterable[Step]) -> set[str]:
    """The names of the secrets that steps have places for."""
    texts = (text for step in steps for text in (step.url, step.body, *step.headers.values()))
    return {name for text in texts for secret, name in _PLACE.findall(text) if secret}


class _Anything(dict[str, str]):
    """A value for every place, for looking at the rest."""

    def __missing__(self, key: str) -> str:
        return "x"


def fill(template: str, values: Mapping[str, str]) -> str:
    """The text with each place filled; secrets stand in `values` as ``secret.NAME``."""
    return _PLACE.sub(lambda place: values[f"secret.{place[2]}" if place[1] else place[2]], template)


def fill_url(template: str, values: Mapping[str, str]) -> str:
    """A URL with its places filled. What a server said can change the path and the query, never the host."""
    match = _TEMPLATE.fullmatch(template)
    if not match:
        return template
    rest = _PLACE.sub(
        lambda place: quote(values[f"secret.{place[2]}" if place[1] else place[2]], safe="/-._~"), match[2]
    )
    return match[1] + (rest if not rest or rest[0] in "/?#" else f"/{rest}")
