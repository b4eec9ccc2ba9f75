"""Webhooks, signed as Standard Webhooks 1.0 has it: https://www.standardwebhooks.com (scheme v1, HMAC-SHA256)."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from django.conf import settings

from postdeploy.lib.http import Failure, Outcome, Request, RequestRefused, fetch, forget_connections
from support.transports.envelope import Address, Envelope, TransportError

PREFIX = "whsec_"
KEY_BYTES = 32
TIMEOUT_S = 15.0
#: Receivers may refuse larger bodies.
MAX_BODY = 20_000


class SecretRefused(ValueError):
    """The signing secret cannot be used; the text is a sentence."""


def new_secret() -> str:
    """Return a new signing secret, `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature` for a body sent at `timestamp` (Unix seconds)."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SecretRefused("the signing secret is not base64 after whsec_") from None


def encode(envelope: Envelope) -> bytes:
    """Return the body as it is sent and signed; what would make it too large is left out, and that is said."""
    body = _dump(envelope.body)
    if len(body) <= MAX_BODY:
        return body
    data = {name: value for name, value in envelope.body["data"].items() if name not in {"lines", "issue"}}
    return _dump(envelope.body | {"data": data | {"is_cut": True}})


def _dump(body: dict[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def send(envelope: Envelope, address: Address) -> TransportError | None:
    """Post the signed message; only 2xx is success, a redirect is a failure, 410 ends the channel."""
    try:
        request = compose(envelope, address)
    except (RequestRefused, SecretRefused) as error:
        return TransportError(str(error)[:300], permanent=True)
    try:
        return failure_of(fetch(request, settings.PROBE_NETWORKS), now=envelope.sent_at)
    finally:
        forget_connections()  # they belong to this thread, which may end with this message


def compose(envelope: Envelope, address: Address) -> Request:
    """Return the request with its signature."""
    body, timestamp = encode(envelope), int(envelope.sent_at.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": envelope.message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(address.secret, message_id=envelope.message_id, timestamp=timestamp, body=body),
    }
    return Request(url=address.target, method="POST", headers=headers, body=body, timeout_s=TIMEOUT_S)


def failure_of(outcome: Outcome, *, now: datetime) -> TransportError | None:
    """Return why the receiver did not accept the message, or None when it did."""
    if outcome.status is None:
        return TransportError(outcome.detail, permanent=outcome.failure is Failure.BLOCKED)
    if 200 <= outcome.status < 300:
        return None  # it was accepted, even if the rest of the answer broke off
    if outcome.status == HTTPStatus.GONE:
        return TransportError("the receiver said 410 Gone: it wants no more messages", permanent=True)
    return TransportError(f"the receiver said {_named(outcome.status)}", retry_after=_retry_after(outcome, now))


def _named(status: int) -> str:
    words = {code.value: code.phrase for code in HTTPStatus}
    redirect = ", which is not followed" if 300 <= status < 400 else ""
    return f"{status} {words.get(status, '')}".strip() + redirect


def _retry_after(outcome: Outcome, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header: a number, or an HTTP date."""
    text = (outcome.response.header("Retry-After") if outcome.response else None) or ""
    if text.isascii() and text.isdigit() and len(text) < 9:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
