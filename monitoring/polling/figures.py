"""What one process did since it started, for the operations page."""

import time
from dataclasses import dataclass, field

import numpy as np

from monitoring.polling.shards import Figures

REPORT_SECONDS = 5.0


@dataclass
class Counts:
    """Readings taken and left out, and how late probes were (microseconds) since the last report."""

    readings: int = 0
    skipped: int = 0
    lateness_us: list[int] = field(default_factory=list)
    reported_at: float = field(default_factory=time.monotonic)
    _reported_readings: int = 0
    _figures: Figures = field(default_factory=Figures)

    def figures(self, checks: int) -> Figures:
        """Return the figures of a process that has `checks`; rate and lateness anew every few seconds."""
        passed = time.monotonic() - self.reported_at
        if passed >= REPORT_SECONDS and self.lateness_us:
            self._measure(passed)
        self._figures.checks = checks
        self._figures.readings, self._figures.skipped = self.readings, self.skipped
        return self._figures

    def _measure(self, passed: float) -> None:
        p50, p99 = np.percentile(self.lateness_us, [50, 99]) / 1000
        rate = (self.readings - self._reported_readings) / passed
        self._figures = Figures(probes_per_second=rate, lateness_p50_ms=float(p50), lateness_p99_ms=float(p99))
        self.lateness_us, self._reported_readings = [], self.readings
        self.reported_at += passed
