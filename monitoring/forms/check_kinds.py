"""What the form of a check shows for each kind: its fields in groups, and how they read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitoring.probes import Kind


@dataclass(frozen=True)
class KindForm:
    """One kind: what it is for, the fields of what it asks (`parts` under own titles), what they are called."""

    lede: str
    icon: str
    asks: tuple[str, ...]
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    signs_in: tuple[str, ...] = ()
    conditions: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    helps: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


_NUMBER = ("name", "url", "path", "metric", "read", "over")
_SIGN_IN = ("headers", "user", "password", "token", "certificate", "key")

KINDS: Mapping[str, KindForm] = {
    Kind.HTTP: KindForm(
        lede="Requests an address and looks at the answer: status, body, JSON, headers, time, certificate.",
        icon="heartbeat",
        asks=("target", "method", "body", "http_version", "follow", "is_fresh"),
        signs_in=_SIGN_IN,
        conditions="status in 200-299",
        labels={"target": "Address"},
        helps={"target": "Begins with http:// or https://."},
        examples=(
            "status in 200-299, 301", 'body contains "ok"', r"body matches /version \d+\.\d+/",
            "json data.items[0].ok == true", 'json status in "up", "degraded"', 'header content-type contains "json"',
            "time < 500 ms", "certificate > 14 days", "redirects == 0", "protocol is HTTP/2",
        ),
    ),
    Kind.TCP: KindForm(
        lede="Connects to a port; it may send a text and look at what comes back.",
        icon="plug",
        asks=("target", "send"),
        labels={"target": "Host and port"},
        helps={"target": "Such as db.example.org:5432."},
        examples=('answer contains "220"', "answer matches /^SSH-2/", "time < 100 ms"),
    ),
    Kind.TLS: KindForm(
        lede="Shakes hands and looks at the certificate: its chain, its name and the days it has left.",
        icon="key",
        asks=("target", "server_name"),
        conditions="certificate > 14 days",
        labels={"target": "Host and port"},
        helps={"target": "Such as shop.example.org; the port is 443 if none is written."},
        examples=("certificate > 14 days", "protocol is TLSv1.3", "time < 300 ms"),
    ),
    Kind.DNS: KindForm(
        lede="Asks for the records of a name and looks at what is answered.",
        icon="search",
        asks=("target", "record", "resolver"),
        labels={"target": "Name"},
        helps={"target": "Such as www.example.org."},
        examples=(
            "answers contain 192.0.2.10", "answers are 192.0.2.10, 192.0.2.11", "answers >= 2",
            'answers contain "v=spf1 -all"', "time < 100 ms",
        ),
    ),
    Kind.HEARTBEAT: KindForm(
        lede="Asks nobody: a job pings Postdeploy each time it has run, and this goes down when it does not.",
        icon="history",
        asks=("period", "cron", "time_zone", "grace"),
        examples=("time < 10 min",),
        helps={"conditions": "A condition on the time is about how long a run took, from its start to its success."},
    ),
    Kind.FLOW: KindForm(
        lede="Walks through a process in several requests, each using what the one before brought.",
        icon="git-compare",
        asks=("steps", "values"),
        signs_in=_SIGN_IN,
        helps={
            "conditions": "About the whole; what each step has to answer stands in the steps.",
            "headers": "Sent with every step. One in a line; values are stored encrypted and shown as ••••••.",
        },
        examples=("time < 5 s",),
    ),
    Kind.RECONCILIATION: KindForm(
        lede="Lays two numbers side by side that should agree, such as orders taken and payments booked.",
        icon="clipboard-check",
        asks=(),
        parts=(
            ("The first number", tuple(f"left_{name}" for name in _NUMBER)),
            ("The second number", tuple(f"right_{name}" for name in _NUMBER)),
        ),
        signs_in=_SIGN_IN,
        conditions="difference <= 1 %",
        examples=("difference == 0", "difference <= 1 %", "difference <= 5", "left > 0"),
    ),
}  # fmt: skip
