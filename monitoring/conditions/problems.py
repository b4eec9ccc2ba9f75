"""What is wrong with a condition, where, and how to put it right."""

from dataclasses import dataclass


class ConditionRefused(ValueError):
    """One condition cannot be read; the text is a sentence that says how to write it. `column` counts from 1."""

    def __init__(self, sentence: str, column: int = 1) -> None:
        super().__init__(sentence)
        self.column = column


@dataclass(frozen=True, slots=True)
class Problem:
    """A refused line: its number and the column, both from 1, and a sentence with the fix."""

    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.sentence}"


class ConditionsRefused(ValueError):
    """Some lines cannot be read."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(" ".join(map(str, problems)))
        self.problems = problems
