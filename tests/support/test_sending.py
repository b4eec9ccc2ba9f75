import time
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks import Webhook

from postdeploy.lib.claims import claim
from support import services
from support.models import Notification, NotificationAttempt
from support.transports import TransportError
from tests.at_once import at_once
from tests.factories import CHANNEL_SECRET, ChannelFactory, IssueFactory
from tests.issues.builders import HOUR, MINUTE, NOON
from tests.targets import Answer, Target

pytestmark = pytest.mark.django_db
DATA = {"subject": "s", "headline": "h", "lines": [["Impact", "x"]], "url": "https://pd.example/", "thread": "issue-1"}


@pytest.fixture(autouse=True)
def loopback(settings):
    settings.PROBE_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def sink():
    with Target() as target:
        yield target


@pytest.fixture
def channel(sink):
    return ChannelFactory(address=f"{sink.url}/hook", name="Ops")


def make_note(channel, *, at=NOON, kind="ISSUE_ASSIGNED", issue=None, **fields):
    return Notification.objects.create(
        channel=channel,
        kind=kind,
        subject=f"test:{uuid.uuid4()}",
        issue=issue,
        message_id=uuid.uuid4(),
        payload={"type": "issue.assigned", "timestamp": "2026-11-19T12:00:00.000Z", "data": DATA},
        created_at=at,
        next_attempt_at=at,
        **fields,
    )


def send(at=NOON):
    return services.send_notifications(now=at)


def test_it_sends_signs_and_records_the_attempt(channel, sink):
    note = make_note(channel)
    assert send() == 1
    note.refresh_from_db()
    assert note.state == "SENT"
    assert note.sent_at >= NOON
    attempt = note.attempts.get()
    assert (attempt.is_delivered, attempt.detail) == (True, "accepted")
    (received,) = sink.requests
    assert received.headers["webhook-id"] == str(note.message_id)
    assert received.json()["data"]["headline"] == "h"


def test_the_receiver_can_verify_what_is_sent_now(channel, sink):
    make_note(channel, at=timezone.now() - MINUTE)
    send(timezone.now())
    assert Webhook(CHANNEL_SECRET).verify(sink.requests[0].body, sink.requests[0].headers)


def test_a_second_sweep_sends_nothing_again(channel, sink):
    make_note(channel)
    send()
    assert send(NOON + HOUR) == 0
    assert len(sink.requests) == 1


def test_mail_goes_out_too():
    make_note(ChannelFactory(kind="EMAIL", address="team@example.org"))
    assert send() == 1
    assert mail.outbox[0].to == ["team@example.org"]


def test_a_failure_is_tried_again_later_with_the_same_id(channel, sink):
    note = make_note(channel)
    sink.queue(Answer(status=500), Answer(status=503))
    send()
    note.refresh_from_db()
    assert note.state == "PENDING"
    assert NOON + timedelta(seconds=5) <= note.next_attempt_at <= NOON + timedelta(seconds=8)
    assert send(NOON + timedelta(seconds=2)) == 0
    send(NOON + timedelta(seconds=10))
    assert send(NOON + HOUR) == 1
    assert {request.headers["webhook-id"] for request in sink.requests} == {str(note.message_id)}
    assert [attempt.is_delivered for attempt in note.attempts.all()] == [False, False, True]
    assert note.attempts.first().detail == "the receiver said 500 Internal Server Error"


def test_the_receiver_may_ask_to_wait(channel, sink):
    note = make_note(channel)
    sink.queue(Answer(status=429, headers={"Retry-After": "600"}))
    send()
    note.refresh_from_db()
    assert note.next_attempt_at >= NOON + 10 * MINUTE


def test_after_ten_attempts_it_is_given_up_and_the_channel_is_broken(channel, sink):
    sink.set(status=500)
    note, at = make_note(channel), NOON
    for _ in range(10):
        send(at)
        note.refresh_from_db()
        at = note.next_attempt_at
    assert note.state == "FAILED"
    assert note.attempts.count() == 10
    channel.refresh_from_db()
    assert channel.broken_reason == "given up after 10 attempts: the receiver said 500 Internal Server Error"


def test_gone_breaks_the_channel_at_once_and_what_waits_is_not_sent(channel, sink):
    sink.set(status=410)
    first, second = make_note(channel), make_note(channel)
    send()
    channel.refresh_from_db()
    assert "410 Gone" in channel.broken_reason
    assert len(sink.requests) == 1
    for note in (first, second):
        note.refresh_from_db()
        assert note.state == "FAILED"
    assert second.attempts.get().detail.startswith("not sent: the channel is broken")


def test_a_test_is_tried_once_and_its_success_mends_the_channel(channel, sink):
    channel.broken_at, channel.broken_reason = NOON - HOUR, "410 Gone"
    channel.save()
    sink.queue(Answer(status=500))
    note = services.test_channel(channel, by="Jonas", now=NOON)
    send()
    note.refresh_from_db()
    assert note.state == "FAILED"
    services.test_channel(channel, by="Jonas", now=NOON)
    assert send() == 1
    channel.refresh_from_db()
    assert (channel.broken_at, channel.broken_reason) == (None, "")
    assert channel.hears_from_at >= NOON


def test_a_failed_test_does_not_break_a_channel(channel, sink):
    sink.set(status=500)
    services.test_channel(channel, by="Jonas", now=NOON)
    send()
    channel.refresh_from_db()
    assert channel.broken_at is None


def test_what_waits_in_a_channel_that_was_switched_off_is_told_as_not_sent(channel, sink):
    note = make_note(channel)
    services.switch_channel(channel, is_enabled=False, now=NOON)
    send()
    note.refresh_from_db()
    assert note.state == "FAILED"
    assert note.attempts.get().detail == "not sent: the channel was switched off"
    assert sink.requests == []


def test_a_secret_of_another_installation_breaks_the_channel_with_the_reason(channel, settings):
    make_note(channel)
    settings.SECRET_KEY = "another"
    send()
    channel.refresh_from_db()
    assert "enter it again" in channel.broken_reason


def test_a_private_address_is_refused_when_it_is_connected_to(channel, settings, sink):
    settings.PROBE_NETWORKS = []
    make_note(channel)
    send()
    channel.refresh_from_db()
    assert "is not allowed here" in channel.broken_reason
    assert sink.requests == []


def test_the_order_within_an_issue_is_kept_while_the_first_is_retried(channel, sink):
    issue = IssueFactory(project=channel.project)
    first, second = make_note(channel, issue=issue), make_note(channel, issue=issue)
    sink.queue(Answer(status=500))
    send()
    assert send(NOON + timedelta(seconds=1)) == 0
    send(NOON + MINUTE)
    ids = [request.headers["webhook-id"] for request in sink.requests]
    assert ids == [str(first.message_id), str(first.message_id), str(second.message_id)]


def test_a_channel_that_fails_is_left_alone_until_its_time(channel, sink):
    sink.set(status=503)
    for _ in range(5):
        make_note(channel)
    send()
    send(NOON + timedelta(seconds=2))
    assert len(sink.requests) == 1


def test_a_channel_that_hangs_delays_no_other(sink, monkeypatch):
    started, took, real = time.monotonic(), {}, services.sending._record

    def record(note, attempt):
        took[note.pk] = time.monotonic() - started
        return real(note, attempt)

    monkeypatch.setattr(services.sending, "_record", record)
    monkeypatch.setattr(services.sending.transports.webhook, "TIMEOUT_S", 1.5)
    with Target() as slow:
        slow.set(mode="silent")
        hanging = make_note(ChannelFactory(address=slow.url))
        quick = [make_note(ChannelFactory(address=sink.url)) for _ in range(3)]
        assert send() == 3
    assert all(took[note.pk] < 1.0 for note in quick)
    hanging.refresh_from_db()
    assert hanging.state == "PENDING"


def test_our_own_fault_in_one_message_never_stops_the_others(sink):
    odd = make_note(ChannelFactory(kind="EMAIL", address="team@example.org"))
    Notification.objects.filter(pk=odd.pk).update(payload={"no": "data"})
    good = make_note(ChannelFactory(address=sink.url))
    assert send() == 1
    good.refresh_from_db()
    assert good.state == "SENT"
    assert odd.attempts.get().detail.startswith("our own fault: KeyError")


def test_an_attempt_that_cannot_be_recorded_never_stops_the_others(sink, monkeypatch, caplog):
    odd, good = make_note(ChannelFactory(address=sink.url)), make_note(ChannelFactory(address=sink.url))
    real = services.sending._record

    def record(note, attempt):
        if note.pk == odd.pk:
            raise ValueError("bad row")
        return real(note, attempt)

    monkeypatch.setattr(services.sending, "_record", record)
    assert send() == 1
    good.refresh_from_db()
    assert good.state == "SENT"
    assert "bad row" in caplog.text


def test_a_message_of_a_worker_that_died_is_sent_once_more_and_marked(channel, sink):
    note = make_note(channel)
    claim(Notification.objects.due(at=NOON), limit=1, lease=timedelta(seconds=-1))  # dead since a second
    send()
    assert note.attempts.get().detail == "accepted; may be a repeat, a worker stopped while sending"
    assert sink.requests[0].headers["webhook-id"] == str(note.message_id)


def test_a_message_that_another_worker_holds_is_left_to_it(channel, sink):
    make_note(channel)
    claim(Notification.objects.due(at=NOON), limit=1, lease=timedelta(minutes=5))
    assert send() == 0
    assert sink.requests == []


def test_a_worker_that_lost_its_lease_decides_nothing(channel, sink, monkeypatch):
    note = make_note(channel)
    other = uuid.uuid4()

    def taken_over(envelope, address):
        return TransportError("too late")

    real = services.sending._record

    def record(row, attempt):
        Notification.objects.filter(pk=note.pk).update(lease_key=other)
        return real(row, attempt)

    monkeypatch.setattr(services.sending.transports, "send", taken_over)
    monkeypatch.setattr(services.sending, "_record", record)
    send()
    note.refresh_from_db()
    assert (note.state, note.next_attempt_at, note.lease_key) == ("PENDING", NOON, other)
    assert NotificationAttempt.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_send_each_message_once():
    with Target() as target:
        for _ in range(4):
            channel = ChannelFactory(address=target.url)
            for _ in range(3):
                make_note(channel)

        at_once(send, 3)
        send()
        ids = [request.headers["webhook-id"] for request in target.requests]
    assert sorted(ids) == sorted(str(note.message_id) for note in Notification.objects.all())
    assert set(Notification.objects.values_list("state", flat=True)) == {"SENT"}


def test_a_long_answer_fits_the_record(channel, monkeypatch):
    monkeypatch.setattr(services.sending.transports, "send", lambda *_: TransportError("x" * 1000))
    note = make_note(channel)
    send()
    assert len(note.attempts.get().detail) == 300
