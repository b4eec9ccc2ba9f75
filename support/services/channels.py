"""Where notifications go: channels, their signing secrets, and the test button."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from deployments.models import Project
from postdeploy.lib.addresses import UrlRefused, check_url
from postdeploy.lib.bells import ring
from postdeploy.lib.secrets import seal
from support.models import ChannelKind, Notification, NotificationChannel, NotificationKind, SupportTier
from support.services import messages
from support.signals import notification_queued
from support.transports.email import RecipientsRefused, parse_recipients
from support.transports.webhook import new_secret


class ChannelRefused(Exception):
    """The channel cannot be like that: `field` names what to mend, the text says how."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field, self.sentence = field, sentence


def add_channel(
    *, project: Project, kind: str, name: str, address: str, now: datetime, tier: SupportTier | None = None
) -> tuple[NotificationChannel, str]:
    """Add a channel and return it with its signing secret in clear (empty for e-mail): it is never shown again."""
    secret = new_secret() if kind == ChannelKind.WEBHOOK else ""
    channel = NotificationChannel(
        project=project,
        kind=kind,
        name=name,
        address=checked_address(kind, address),
        tier=tier,
        sealed_secret=seal(secret) if secret else "",
        created_at=now,
        hears_from_at=now,
    )
    _save(channel)
    return channel, secret


def edit_channel(
    channel: NotificationChannel, *, name: str, address: str, now: datetime, tier: SupportTier | None = None
) -> NotificationChannel:
    """Change a channel. A new address mends a broken one, which then hears what happens from now on."""
    address = checked_address(channel.kind, address)
    if address != channel.address and channel.broken_at is not None:
        channel.broken_at, channel.broken_reason, channel.hears_from_at = None, "", now
    channel.name, channel.address, channel.tier = name, address, tier
    _save(channel)
    return channel


def checked_address(kind: str, address: str) -> str:
    """Return the address in its normal form; ChannelRefused says what is wrong with it."""
    try:
        if kind == ChannelKind.EMAIL:
            return ", ".join(parse_recipients(address))
        return check_url(address, settings.PROBE_NETWORKS)
    except RecipientsRefused as refused:
        raise ChannelRefused("address", str(refused)) from None
    except UrlRefused as refused:
        raise ChannelRefused("address", _with_way_out(str(refused))) from None


def _with_way_out(sentence: str) -> str:
    if "not allowed here" not in sentence:
        return sentence
    return f"{sentence} Whoever runs Postdeploy can allow private networks in the setting PROBE_NETWORKS."


def _save(channel: NotificationChannel) -> None:
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError:
        raise ChannelRefused("name", f"There is a channel named {channel.name} already.") from None


def switch_channel(channel: NotificationChannel, *, is_enabled: bool, now: datetime) -> None:
    """Switch a channel on or off; what happens while it is off is never told."""
    if is_enabled and not channel.is_enabled:
        channel.hears_from_at = now
    channel.is_enabled = is_enabled
    channel.save(update_fields=["is_enabled", "hears_from_at"])


def renew_secret(channel: NotificationChannel) -> str:
    """Replace the signing secret of a webhook and return the new one in clear: it is never shown again."""
    if channel.kind != ChannelKind.WEBHOOK:
        raise ChannelRefused("kind", "Only a webhook has a signing secret.")
    secret = new_secret()
    channel.sealed_secret = seal(secret)
    channel.save(update_fields=["sealed_secret"])
    return secret


def delete_channel(channel: NotificationChannel) -> None:
    """Delete a channel with all that was sent through it."""
    channel.delete()


def test_channel(channel: NotificationChannel, *, by: str, now: datetime) -> Notification:
    """Queue a test message. It is tried once, also when the channel is broken or off; success mends a broken one."""
    with transaction.atomic():
        note = Notification.objects.create(
            channel=channel,
            kind=NotificationKind.TEST,
            subject=f"test:{uuid.uuid4()}",
            message_id=uuid.uuid4(),
            payload=messages.of_test(channel, by=by, now=now),
            created_at=now,
            next_attempt_at=now,
        )
        ring(notification_queued, notification_id=note.pk)
    return note
