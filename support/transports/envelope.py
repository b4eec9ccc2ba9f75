"""What is sent, to whom, and why it failed: plain data."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Envelope:
    """One message. `body` is the same in every attempt; `sent_at` is the time of this one.

    `body` has the members `type`, `timestamp` and `data`; of `data` the e-mail uses `subject`, `headline`, `lines`
    (pairs of a name and a text), `url` and `thread`.
    """

    message_id: str
    body: dict[str, Any]
    sent_at: datetime


@dataclass(frozen=True)
class Address:
    """Where a channel leads: `kind` is EMAIL or WEBHOOK, `target` the recipients or the URL."""

    kind: str
    target: str
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class TransportError:
    """Why a message was not accepted. A permanent one will be the same next time; `retry_after` is in seconds."""

    detail: str
    permanent: bool = False
    retry_after: float | None = None
