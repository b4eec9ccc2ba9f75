"""Changes of the support floor: tiers and their clocks, escalation, notifications, channels, guides."""

from support.services.channels import (
    ChannelRefused,
    add_channel,
    delete_channel,
    edit_channel,
    renew_secret,
    switch_channel,
    test_channel,
)
from support.services.escalation import EscalationRefused, escalate_by_hand, escalate_overdue, route_issues
from support.services.guides import GuideConflict, save_guide
from support.services.notifications import announce_issues, announce_verdicts
from support.services.sending import send_notifications
from support.services.tiers import ensure_tiers, save_rules, save_tier, set_members

__all__ = [
    "ChannelRefused",
    "EscalationRefused",
    "GuideConflict",
    "add_channel",
    "announce_issues",
    "announce_verdicts",
    "delete_channel",
    "edit_channel",
    "ensure_tiers",
    "escalate_by_hand",
    "escalate_overdue",
    "renew_secret",
    "route_issues",
    "save_guide",
    "save_rules",
    "save_tier",
    "send_notifications",
    "set_members",
    "switch_channel",
    "test_channel",
]
