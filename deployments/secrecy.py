"""Which settings hold secrets, told by their names. Pure."""

import re

SECRET_NAME = re.compile(
    r"passw(?:or)?d|passphrase|secret|credential|private[^a-z]?key|api[^a-z]?key|access[^a-z]?key|token|"
    r"(?:^|[^a-z])(?:pwd|pass|dsn|key)(?:$|[^a-z])",
    re.IGNORECASE,
)


def looks_secret(setting: str) -> bool:
    """Tell whether a setting of this name most likely holds a secret: DB_PASSWORD, api-key, SENTRY_DSN."""
    return bool(SECRET_NAME.search(setting))
