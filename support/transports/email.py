"""E-mail: plain text with an HTML alternative, one thread for each issue."""

import re
import smtplib

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string

from support.transports.envelope import Address, Envelope, TransportError

#: More recipients than that are a mailing list's work.
MOST_RECIPIENTS = 50
#: Answers of a mail server about the sender's own account: another recipient would not help, a mended setting would.
_OUR_FAULT = {530, 534, 535, 538}


class RecipientsRefused(ValueError):
    """The recipients cannot be used; the text is a sentence."""


def parse_recipients(text: str) -> list[str]:
    """Return the addresses in `text`, separated by commas; RecipientsRefused names the one that is wrong."""
    addresses = [part.strip() for part in re.split(r"[,;]", text) if part.strip()]
    if not addresses:
        raise RecipientsRefused("Enter at least one e-mail address.")
    if len(addresses) > MOST_RECIPIENTS:
        raise RecipientsRefused(f"These are {len(addresses)} addresses; use at most {MOST_RECIPIENTS}.")
    for address in addresses:
        try:
            validate_email(address)
        except ValidationError:
            raise RecipientsRefused(f"{address[:80]!r} is not an e-mail address.") from None
    return list(dict.fromkeys(addresses))


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` as one harmless header line: no line break, no other control character."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text).split())[:limit]


def send(envelope: Envelope, address: Address) -> TransportError | None:
    """Hand the message to the mail server."""
    try:
        message = compose(envelope, address)
        message.send()
    except RecipientsRefused as error:
        return TransportError(str(error), permanent=True)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return _failure(error)
    return None


def compose(envelope: Envelope, address: Address) -> EmailMultiAlternatives:
    """Build the message; the parts that hold the thread together depend on nothing but the envelope."""
    data = envelope.body["data"]
    root = f"<{one_line(data['thread'])}@{settings.SITE_HOST}>"
    message = EmailMultiAlternatives(
        subject=one_line(data["subject"]),
        body=plain_text(data),
        to=parse_recipients(address.target),
        headers={
            "Message-ID": f"<{envelope.message_id}@{settings.SITE_HOST}>",
            "In-Reply-To": root,
            "References": root,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )
    message.attach_alternative(render_to_string("support/mail.html", {"data": data}), "text/html")
    return message


def plain_text(data: dict[str, object]) -> str:
    """Return the message as plain text: what, where, how bad and since when in the first line."""
    lines = data["lines"]
    assert isinstance(lines, list)
    told = [f"{name}: {text}" for name, text in lines]
    return "\n".join([str(data["headline"]), "", *told, "", str(data["url"]), ""])


def _failure(error: Exception) -> TransportError:
    """A 5xx answer about a recipient is final; a server that is away or busy is not."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        refused = ", ".join(sorted(error.recipients))
        return TransportError(f"the mail server refused {refused}"[:300], permanent=all(code >= 500 for code in codes))
    if isinstance(error, smtplib.SMTPResponseException):
        is_final = error.smtp_code >= 500 and error.smtp_code not in _OUR_FAULT
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return TransportError(one_line(f"the mail server said {error.smtp_code} {said}"), permanent=is_final)
    return TransportError(one_line(f"the mail server cannot be reached: {error}"))
