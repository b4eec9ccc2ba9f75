"""What one look at a period is based on: gathered from rows, judged, kept with the verdict, found again."""

from monitoring.services.evidence.gathering import gather, window_of
from monitoring.services.evidence.judged import judge
from monitoring.services.evidence.kept import from_json, hold, to_json
from monitoring.services.evidence.shapes import CheckEvidence, Evidence, InputsChanged, MetricEvidence

__all__ = [
    "CheckEvidence",
    "Evidence",
    "InputsChanged",
    "MetricEvidence",
    "from_json",
    "gather",
    "hold",
    "judge",
    "to_json",
    "window_of",
]
