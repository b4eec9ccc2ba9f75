"""Tiers, guides, channels: how people are supported, and where that is set up."""

import re

import pytest

from deployments.models import Role
from support import services
from support.models import Article, NotificationChannel, SupportTier
from tests.factories import (
    ArticleFactory,
    ChannelFactory,
    IssueFactory,
)
from tests.issues.builders import NOON

pytestmark = pytest.mark.django_db


def text_of(response):
    return response.content.decode()


# --- support, guides


def test_the_support_page_shows_the_tiers_with_their_duties_and_what_each_has(client, project):
    IssueFactory(project=project)
    services.route_issues(now=NOON)
    tier = SupportTier.objects.get(project=project, track="TECHNICAL", level=1)
    services.set_members(tier, users=[client.user])
    page = text_of(client.get("/p/shop/support/"))
    for words in (
        "Level 1 Support",
        "Vendor support",
        "User Support",
        "Business rules",
        "SHOP-1",
        "to L2",
        client.user.username,
    ):
        assert words in page, words
    assert "1 issue is with a tier." in page


def test_a_broken_channel_is_told_to_everybody_who_looks(client, project):
    ChannelFactory(project=project, name="Ops", broken_at=NOON, broken_reason="410 Gone")
    assert "Ops is broken" in text_of(client.get("/p/shop/support/"))


def test_guides_stand_under_the_kinds_of_the_process(client, project):
    ArticleFactory(project=project, title="Roll back")
    page = text_of(client.get("/p/shop/guides/"))
    for words in ("User Guides", "Process changes", "FAQs", "Technical Docs", "Known issues", "Roll back"):
        assert words in page


def test_a_guide_is_written_previewed_saved_and_rendered_harmless(client, project):
    form = {"kind": "FAQ", "title": "How to?", "body": "# Why\n\n<script>alert(1)</script> **so**"}
    preview = client.post("/p/shop/guides/new/", form | {"preview": "1"})
    assert "<strong>so</strong>" in text_of(preview)
    assert Article.objects.count() == 0
    assert client.post("/p/shop/guides/new/", form)["Location"] == "/p/shop/guides/how-to/"
    page = text_of(client.get("/p/shop/guides/how-to/"))
    assert re.search(r"<article [^>]*hx-disable><h2>Why</h2>", page)
    assert "<script>alert" not in page


def test_two_guides_of_one_title_have_two_addresses(client, project):
    form = {"kind": "FAQ", "title": "¿?", "body": "x"}
    assert client.post("/p/shop/guides/new/", form)["Location"] == "/p/shop/guides/guide/"
    assert client.post("/p/shop/guides/new/", form)["Location"] == "/p/shop/guides/guide-2/"


def test_two_people_edit_one_guide(client, project):
    guide = ArticleFactory(project=project, body="old")
    form = {"kind": "FAQ", "title": "T", "body": "theirs", "revision": "1"}
    url = f"/p/shop/guides/{guide.slug}/edit/"
    assert client.post(url, form).status_code == 302
    response = client.post(url, form | {"body": "mine"})
    assert response.status_code == 409
    assert "theirs" in text_of(response)
    assert "mine" in text_of(response)
    assert client.post(url, form | {"body": "mine", "revision": "2"}).status_code == 302
    assert Article.objects.get().body == "mine"


def test_a_guide_of_another_project_is_not_found(client, project):
    guide = ArticleFactory()
    assert client.get(f"/p/shop/guides/{guide.slug}/").status_code == 404


def test_a_viewer_reads_guides_only(sign_in, project):
    viewer = sign_in(Role.VIEWER)
    guide = ArticleFactory(project=project)
    assert viewer.get(f"/p/shop/guides/{guide.slug}/").status_code == 200
    assert viewer.get("/p/shop/guides/new/").status_code == 403


# --- settings


def settings_form(project, **changes):
    tiers = services.ensure_tiers(project)
    values = {f"tier-{tier.pk}-clock_seconds": "1 h" for tier in tiers}
    values |= {f"rules-{severity}": str(tiers[0].pk) for severity in ("CRITICAL", "MAJOR", "MINOR")}
    return values | changes


def test_clocks_people_and_routing_are_saved_together(maintainer, project):
    first, second = services.ensure_tiers(project)[:2]
    values = settings_form(project, **{f"tier-{first.pk}-clock_seconds": "15 min", "rules-CRITICAL": str(second.pk)})
    values[f"tier-{second.pk}-members"] = [str(maintainer.user.pk)]
    assert maintainer.post("/p/shop/settings/support/", values).status_code == 302
    first.refresh_from_db()
    assert first.clock_seconds == 900
    assert second.members.get().user == maintainer.user
    issue = IssueFactory(project=project, severity="CRITICAL")
    services.route_issues(now=NOON)
    assert issue.assignments.get().tier == second


@pytest.mark.parametrize("clock", ["15", "soon", "", "1 s", "100 d"])
def test_a_clock_that_cannot_be_read_is_refused_and_nothing_is_saved(maintainer, project, clock):
    tier = services.ensure_tiers(project)[0]
    response = maintainer.post(
        "/p/shop/settings/support/", settings_form(project, **{f"tier-{tier.pk}-clock_seconds": clock})
    )
    assert response.status_code == 400
    tier.refresh_from_db()
    assert tier.clock_seconds == 900


def test_a_webhook_shows_its_secret_once(maintainer, project):
    values = {"kind": "WEBHOOK", "name": "Ops", "address": "https://hooks.example/x"}
    assert maintainer.post("/p/shop/settings/support/channels/new/", values).status_code == 302
    first = text_of(maintainer.get("/p/shop/settings/support/"))
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{44}", first).group(0)
    assert secret not in text_of(maintainer.get("/p/shop/settings/support/"))
    assert secret not in NotificationChannel.objects.get().sealed_secret


@pytest.mark.parametrize(
    ("kind", "address", "words"),
    [
        ("WEBHOOK", "http://127.0.0.1/x", "PROBE_NETWORKS"),
        ("WEBHOOK", "http://10.0.0.8/x", "PROBE_NETWORKS"),
        ("WEBHOOK", "http://169.254.169.254/x", "never allowed"),
        ("WEBHOOK", "ftp://x.example", "http://"),
        ("EMAIL", "nobody", "is not an e-mail address"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_the_way_out(maintainer, project, kind, address, words):
    values = {"kind": kind, "name": "Ops", "address": address}
    response = maintainer.post("/p/shop/settings/support/channels/new/", values)
    assert response.status_code == 400
    assert words in text_of(response)
    assert NotificationChannel.objects.count() == 0


def test_a_channel_is_edited_tested_switched_renewed_and_deleted(maintainer, project):
    channel = ChannelFactory(project=project, name="Ops")
    base = f"/p/shop/settings/support/channels/{channel.pk}/"
    assert maintainer.post(base, {"name": "Ops 2", "address": "https://hooks.example/y"}).status_code == 302
    assert maintainer.post(f"{base}test/").status_code == 302
    assert channel.notifications.get().kind == "TEST"
    maintainer.post(f"{base}switch/", {"off": "1"})
    before = channel.sealed_secret
    channel.refresh_from_db()
    assert (channel.name, channel.is_enabled) == ("Ops 2", False)
    maintainer.post(f"{base}secret/")
    channel.refresh_from_db()
    assert channel.sealed_secret != before
    assert "whsec_" in text_of(maintainer.get("/p/shop/settings/support/"))
    assert maintainer.post(f"{base}delete/").status_code == 302
    assert NotificationChannel.objects.count() == 0


def test_two_channels_cannot_share_a_name(maintainer, project):
    ChannelFactory(project=project, name="Ops")
    values = {"kind": "EMAIL", "name": "Ops", "address": "a@example.org"}
    response = maintainer.post("/p/shop/settings/support/channels/new/", values)
    assert response.status_code == 400
    assert "There is a channel named Ops already." in text_of(response)


def test_a_channel_of_another_project_is_not_found_and_a_responder_may_not_set_up(client, maintainer, project):
    foreign = ChannelFactory()
    assert maintainer.get(f"/p/shop/settings/support/channels/{foreign.pk}/").status_code == 404
    assert client.get("/p/shop/settings/support/").status_code == 403
    assert client.post("/p/shop/settings/support/channels/new/", {}).status_code == 403
