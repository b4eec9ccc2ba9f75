"""Sending what is queued: leased, outside any transaction, each attempt recorded, no channel in another's way."""

import secrets
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import Greatest, RowNumber

from postdeploy.lib.claims import claim
from postdeploy.lib.secrets import SecretUnreadable, unseal
from postdeploy.lib.sweeps import each
from support import routing, transports
from support.models import (
    Notification,
    NotificationAttempt,
    NotificationChannel,
    NotificationKind,
    NotificationQuerySet,
    NotificationState,
)
from support.transports import Address, Envelope, TransportError

#: Longer than the slowest send; when it has run out, the worker is taken to be dead.
LEASE = timedelta(seconds=120)
#: So many channels are served at once, each with one message at a time.
CONCURRENCY = 8
#: No new message is begun after that, so that the task ends well before its own limit.
BUDGET_S = 60.0


@dataclass(frozen=True)
class Attempt:
    """One try: `error` is None when the message was accepted; `was_tried` is False when there was nobody to ask."""

    started_at: datetime
    took_ms: float
    error: TransportError | None
    was_tried: bool = True

    @property
    def ended_at(self) -> datetime:
        """When the answer had come."""
        return self.started_at + timedelta(milliseconds=self.took_ms)


def send_notifications(*, now: datetime) -> int:
    """Send every due notification, several channels at a time and each channel in order; return how many arrived."""
    began, arrived = time.monotonic(), 0
    running: dict[Future[Attempt], Notification] = {}
    with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="send") as pool:
        while True:
            if time.monotonic() - began < BUDGET_S:
                for note in _claim(now, busy=running.values()):
                    at = now + timedelta(seconds=time.monotonic() - began)
                    running[pool.submit(_attempt, note, _address(note.channel), at)] = note
            if not running:
                return arrived
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            arrived += each(
                done, lambda future: _record(running.pop(future), future.result()), name="send_notifications"
            )


def _claim(now: datetime, *, busy: Iterable[Notification]) -> list[Notification]:
    """Lease the first due notification of each channel that nothing is being sent to."""
    working = [note.channel_id for note in busy]
    if len(working) >= CONCURRENCY:
        return []
    due = Notification.objects.due(at=now).exclude(channel__in=working)
    place = Window(RowNumber(), partition_by=F("channel"), order_by=[F("next_attempt_at").asc(), F("pk").asc()])
    first = due.annotate(place=place).filter(place=1).values_list("pk", flat=True)[: CONCURRENCY - len(working)]
    rows = Notification.objects.pending().filter(pk__in=list(first)).select_related("channel")
    return claim(rows, limit=CONCURRENCY, lease=LEASE)


def _address(channel: NotificationChannel) -> Address | TransportError:
    """Return where the channel leads, or why nothing is sent there."""
    try:
        secret = unseal(channel.sealed_secret) if channel.sealed_secret else ""
    except SecretUnreadable as error:
        return TransportError(str(error), permanent=True)
    return Address(channel.kind, channel.address, secret)


def _attempt(note: Notification, address: Address | TransportError, at: datetime) -> Attempt:
    """Send one message. Runs in a thread of its own and touches no database."""
    if held := _held_back(note):
        return Attempt(at, 0.0, held, was_tried=False)
    if isinstance(address, TransportError):
        return Attempt(at, 0.0, address)
    began = time.monotonic()
    try:
        error = transports.send(Envelope(str(note.message_id), note.payload, at), address)
    except Exception as unforeseen:
        error = TransportError(f"our own fault: {type(unforeseen).__name__}: {unforeseen}"[:300])
    return Attempt(at, 1000 * (time.monotonic() - began), error)


def _held_back(note: Notification) -> TransportError | None:
    channel = note.channel
    if note.kind == NotificationKind.TEST:
        return None
    if not channel.is_enabled:
        return TransportError("not sent: the channel was switched off", permanent=True)
    if channel.broken_at is not None:
        return TransportError(f"not sent: the channel is broken ({channel.broken_reason})"[:300], permanent=True)
    return None


def _record(note: Notification, attempt: Attempt) -> bool:
    """Write down what came of an attempt; only the holder of the lease decides the notification's fate."""
    error = attempt.error
    with transaction.atomic():
        NotificationAttempt.objects.create(
            notification=note,
            started_at=attempt.started_at,
            took_ms=attempt.took_ms,
            is_delivered=error is None,
            detail=_detail(note, error)[:300],
        )
        mine = Notification.objects.pending().filter(pk=note.pk, lease_key=note.lease_key)
        if error is None:
            _settle_sent(note, mine, attempt)
        else:
            _settle_failed(note, mine, attempt, error)
    return error is None


def _detail(note: Notification, error: TransportError | None) -> str:
    # A lease that was never given back belonged to a worker that died while sending.
    repeat = "; may be a repeat, a worker stopped while sending" if note.lease_until else ""
    return f"{error.detail if error else 'accepted'}{repeat}"


def _settle_sent(note: Notification, mine: NotificationQuerySet, attempt: Attempt) -> None:
    mine.update(state=NotificationState.SENT, sent_at=attempt.ended_at, lease_until=None, lease_key=None)
    if note.channel.broken_at is not None:
        NotificationChannel.objects.filter(pk=note.channel_id).update(
            broken_at=None, broken_reason="", hears_from_at=attempt.ended_at
        )


def _settle_failed(note: Notification, mine: NotificationQuerySet, attempt: Attempt, error: TransportError) -> None:
    is_test = note.kind == NotificationKind.TEST
    wait_s = None if error.permanent or is_test else _wait(note, error)
    if wait_s is None:
        mine.update(state=NotificationState.FAILED, lease_until=None, lease_key=None)
        if attempt.was_tried and (error.permanent or not is_test):
            _break(note.channel, error, attempt.ended_at)
        return
    retry_at = attempt.ended_at + timedelta(seconds=wait_s)
    mine.update(next_attempt_at=retry_at, lease_until=None, lease_key=None)
    # What waits behind it would fail as well: the receiver is left alone until then.
    behind = Notification.objects.pending().filter(channel=note.channel_id).exclude(pk=note.pk)
    behind.exclude(kind=NotificationKind.TEST).update(next_attempt_at=Greatest("next_attempt_at", retry_at))


def _wait(note: Notification, error: TransportError) -> float | None:
    attempts = note.attempts.count()  # this one included
    return routing.retry_after(attempts, wished=error.retry_after, jitter=secrets.randbelow(1000) / 1000)


def _break(channel: NotificationChannel, error: TransportError, at: datetime) -> None:
    reason = error.detail if error.permanent else f"given up after {routing.MOST_ATTEMPTS} attempts: {error.detail}"
    NotificationChannel.objects.filter(pk=channel.pk, broken_at__isnull=True).update(
        broken_at=at, broken_reason=reason[:300]
    )
