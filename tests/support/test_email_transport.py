import smtplib
from datetime import UTC, datetime

import pytest
from django.core import mail

from support.transports import Address, Envelope, send
from support.transports.email import RecipientsRefused, compose, parse_recipients

ID = "5c2b6a0e-6f0e-4b7e-9a30-000000000001"
DATA = {
    "subject": "[SHOP-1] checkout is down in production",
    "headline": "Critical: checkout is down in production, since noon",
    "lines": [["Impact", "33 orders lost"], ["Next", "goes to the next tier at 12:15"]],
    "url": "https://pd.example/p/shop/issues/SHOP-1/",
    "thread": "issue-7",
}


def envelope(**data):
    return Envelope(ID, {"type": "issue.assigned", "timestamp": "…", "data": DATA | data}, datetime.now(UTC))


TEAM = Address("EMAIL", "team@example.org, lead@example.org")


def test_it_sends_plain_text_with_an_html_alternative():
    assert send(envelope(), TEAM) is None
    (message,) = mail.outbox
    assert message.to == ["team@example.org", "lead@example.org"]
    assert message.body.splitlines()[0] == DATA["headline"]
    assert "Impact: 33 orders lost" in message.body
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert DATA["url"] in html


def test_each_message_has_its_id_and_the_issue_has_its_thread(settings):
    settings.SITE_HOST = "pd.example"
    headers = compose(envelope(), TEAM).message()
    assert headers["Message-ID"] == f"<{ID}@pd.example>"
    assert headers["References"] == headers["In-Reply-To"] == "<issue-7@pd.example>"
    assert headers["Auto-Submitted"] == "auto-generated"


def test_line_breaks_in_a_title_make_no_header():
    send(envelope(subject="[SHOP-1] down\r\nBcc: everybody@example.org\u2028x"), TEAM)
    message = mail.outbox[0].message()
    assert message["Subject"] == "[SHOP-1] down Bcc: everybody@example.org x"
    assert message["Bcc"] is None


def test_markup_in_a_title_is_text():
    send(envelope(headline="<script>alert(1)</script>"), TEAM)
    assert "<script>" not in mail.outbox[0].alternatives[0][0]


def test_recipients_are_checked_one_by_one():
    assert parse_recipients(" a@example.org; b@example.org ,a@example.org") == ["a@example.org", "b@example.org"]
    with pytest.raises(RecipientsRefused, match="'nobody' is not an e-mail address"):
        parse_recipients("a@example.org, nobody")
    with pytest.raises(RecipientsRefused, match="at least one"):
        parse_recipients(" , ")
    with pytest.raises(RecipientsRefused, match="at most 50"):
        parse_recipients(",".join(f"a{n}@example.org" for n in range(51)))
    with pytest.raises(RecipientsRefused):
        parse_recipients("a@example.org\nBcc: b@example.org")


def test_recipients_that_went_bad_are_final():
    assert send(envelope(), Address("EMAIL", "nobody")).permanent


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (smtplib.SMTPRecipientsRefused({"a@example.org": (550, b"no such user")}), True),
        (smtplib.SMTPRecipientsRefused({"a@example.org": (450, b"later")}), False),
        (smtplib.SMTPDataError(554, b"refused"), True),
        (smtplib.SMTPDataError(451, b"busy"), False),
        (smtplib.SMTPAuthenticationError(535, b"bad password"), False),
        (ConnectionRefusedError(111, "refused"), False),
        (TimeoutError("timed out"), False),
    ],
)
def test_it_tells_a_final_answer_from_one_to_try_again(monkeypatch, error, permanent):
    def refuse(self, fail_silently=False):
        raise error

    monkeypatch.setattr("django.core.mail.EmailMultiAlternatives.send", refuse)
    failure = send(envelope(), TEAM)
    assert failure.permanent is permanent
    assert failure.detail.startswith("the mail server")
