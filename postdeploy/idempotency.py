"""Idempotency-Key: the first answer is kept and replayed."""


def forget_old_keys() -> None:
    """Drop answers older than the promised time."""
