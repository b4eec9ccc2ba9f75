"""How a message travels: one module for each kind of channel. A failure is a value; nothing here knows the database."""

from support.transports.email import send as send_email
from support.transports.envelope import Address, Envelope, TransportError
from support.transports.webhook import send as send_webhook

__all__ = ["Address", "Envelope", "TransportError", "send"]


def send(envelope: Envelope, address: Address) -> TransportError | None:
    """Send `envelope` to `address`; None when it was accepted, else why not."""
    return send_email(envelope, address) if address.kind == "EMAIL" else send_webhook(envelope, address)
