"""PURE: figures in Prometheus' text format 0.0.4.

Source: prometheus/docs, docs/instrumenting/exposition_formats.md. Prometheus 3 refuses an answer without this type.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: what it says, and a value for each set of labels; a value that is not known is left out."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: tuple[tuple[Mapping[str, str], float | None], ...] = field(default=())


def gauge(name: str, text: str, value: float | None, **labels: str) -> Family:
    """Return a gauge with one value."""
    return Family(name, "gauge", text, ((labels, value),))


def exposition(families: Iterable[Family]) -> str:
    """Return the text of all families that have a value."""
    lines: list[str] = []
    for family in families:
        samples = [_line(family.name, labels, value) for labels, value in family.samples if value is not None]
        if samples:
            lines += [f"# HELP {family.name} {_help(family.help)}", f"# TYPE {family.name} {family.kind}", *samples]
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _label(text: str) -> str:
    return _help(text).replace('"', '\\"')
