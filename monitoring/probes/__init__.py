"""One reading of one target: what is asked, what came back, whether it is well. No database.

``http`` has the checks and the probing, ``conditions`` what is expected of an answer, ``readings`` what is kept.
"""

from monitoring.probes.conditions import ConditionRefused, parse_expected_status, parse_json_path
from monitoring.probes.http import HttpCheck, probe_many, refusals
from monitoring.probes.readings import FailureKind, Reading

__all__ = [
    "ConditionRefused",
    "FailureKind",
    "HttpCheck",
    "Reading",
    "parse_expected_status",
    "parse_json_path",
    "probe_many",
    "refusals",
]
