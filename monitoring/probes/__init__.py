"""One reading of one target: what is asked, what came back, whether it is well. No database.

``http`` has the checks and the probing, ``conditions`` what is expected of an answer, ``readings`` what is kept,
``trial`` one reading for somebody who is writing a check.
"""

from monitoring.probes.conditions import ConditionRefused, parse_expected_status, parse_json_path
from monitoring.probes.http import HttpCheck, probe_many, refusals
from monitoring.probes.readings import FailureKind, Reading
from monitoring.probes.trial import Condition, Trial, try_check

__all__ = [
    "Condition",
    "ConditionRefused",
    "FailureKind",
    "HttpCheck",
    "Reading",
    "Trial",
    "parse_expected_status",
    "parse_json_path",
    "probe_many",
    "refusals",
    "try_check",
]
