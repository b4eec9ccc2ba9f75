"""One reading of one target: what is asked, what came back, whether it is well. No database.

``definitions`` is what a check is as it was saved, ``kinds`` makes something of it that can be read: one module for
each kind (``http``, ``tcp``, ``tls``, ``dns``, ``heartbeat``, ``flow`` with its ``steps``, ``reconciliation``).
``readings`` is what is kept, ``trial`` one reading for somebody who is writing a check.

The poller sends ``request_of`` an HTTP check on its loop and asks ``reading_of`` what the outcome means; every other
kind is read by ``run``, which blocks and may be called from any thread.
"""

from monitoring.probes.definitions import CHOICES, Definition, DefinitionRefused, Kind
from monitoring.probes.describing import asked
from monitoring.probes.facts import Facts
from monitoring.probes.heartbeat import HeartbeatCheck
from monitoring.probes.http import HttpCheck, probe_many, reading_of, request_of
from monitoring.probes.kinds import Check, compile_check, refusals, run
from monitoring.probes.readings import NOBODY_LOOKED, FailureKind, Reading
from monitoring.probes.reconciliation import ReconciliationCheck, Side
from monitoring.probes.telling import StepTold, explain_steps
from monitoring.probes.trial import Result, Trial, try_check

__all__ = [
    "CHOICES",
    "NOBODY_LOOKED",
    "Check",
    "Definition",
    "DefinitionRefused",
    "Facts",
    "FailureKind",
    "HeartbeatCheck",
    "HttpCheck",
    "Kind",
    "Reading",
    "ReconciliationCheck",
    "Result",
    "Side",
    "StepTold",
    "Trial",
    "asked",
    "compile_check",
    "explain_steps",
    "probe_many",
    "reading_of",
    "refusals",
    "request_of",
    "run",
    "try_check",
]
