"""PURE: what a good answer is, as people write it: one condition a line, read, explained and judged.

``language`` reads the text, ``kinds`` and ``values`` have the conditions, ``answers`` what they look at, ``paths``
finds values in JSON, ``patterns`` holds regular expressions to linear time. `docs/checks.md` describes it for people.
"""

from monitoring.conditions.answers import Answer
from monitoring.conditions.kinds import Condition
from monitoring.conditions.language import MAX_CONDITIONS, SUBJECTS, Line, examine, parse, parse_source
from monitoring.conditions.paths import find, parse_json_path
from monitoring.conditions.problems import ConditionRefused, ConditionsRefused, Problem

__all__ = [
    "MAX_CONDITIONS",
    "SUBJECTS",
    "Answer",
    "Condition",
    "ConditionRefused",
    "ConditionsRefused",
    "Line",
    "Problem",
    "examine",
    "find",
    "parse",
    "parse_json_path",
    "parse_source",
]
