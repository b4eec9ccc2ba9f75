"""A check as it was saved, without a database."""

from dataclasses import dataclass, field

from monitoring.probes import compile_check, refusals, run

LOOPBACK = ("127.0.0.0/8",)


@dataclass
class Row:
    target: str = ""
    kind: str = "HTTP"
    conditions: str = ""
    options: dict = field(default_factory=dict)
    secrets: dict = field(default_factory=dict)
    timeout_ms: int = 5000
    is_fresh: bool = True


def read(target, networks=LOOPBACK, *, now=None, facts=None, **definition):
    return run(compile_check(Row(target, **definition)), networks, now=now, facts=facts)


def faults(target="https://shop.example/", networks=(), **definition):
    return refusals(Row(target, **definition), networks)
