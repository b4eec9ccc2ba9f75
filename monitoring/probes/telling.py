"""What the text of a flow means, for somebody who is writing it."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.probes.faults import Faults
from monitoring.probes.steps import Step, read_steps
from postdeploy.lib.addresses import Network


@dataclass(frozen=True, slots=True)
class StepTold:
    """One step in words: what it sends, what it expects, what it captures."""

    name: str
    request: str
    expects: tuple[str, ...]
    captures: tuple[str, ...]


def explain_steps(text: str, networks: Iterable[Network | str]) -> tuple[list[StepTold], str]:
    """The steps in words, or none and a sentence that says what is wrong."""
    faults = Faults(networks)
    steps = read_steps(text, faults)
    return [_told(step) for step in steps], faults.found.get("options.steps", "")


def _told(step: Step) -> StepTold:
    return StepTold(
        step.name,
        f"{step.method} {step.url}",
        tuple(condition.words for condition in step.conditions) or ("status is 200–299",),
        tuple(name for name, _ in step.captures),
    )
