"""What some checks have to know from elsewhere: read before the look, since nothing here asks a database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Facts:
    """A heartbeat's latest pings, or the numbers of a reconciliation's metrics by side (``None``: no sample).

    ``ran_for`` is the time between the latest success and the start before it, ``note`` what came with a failure.
    """

    started_at: datetime | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    ran_for: timedelta | None = None
    note: str = ""
    numbers: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def ended_at(self) -> datetime | None:
        """The latest end of a run, well or not."""
        ends = [at for at in (self.succeeded_at, self.failed_at) if at]
        return max(ends) if ends else None
