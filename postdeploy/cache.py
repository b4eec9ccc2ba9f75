"""A cache that may be away: Redis carries wake-ups and counters, so its absence must never stop a page or a sign-in."""

import logging
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class ForgivingRedisCache(RedisCache):
    """Redis, answering "not there" while the server is."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the cached value, or `default` when it or the server is missing."""
        return self._forgive(default, super().get, key, default, version)

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        """Store `value` if the server is there."""
        self._forgive(None, super().set, key, value, *args, **kwargs)

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        """Store `value` unless the key exists; True when the server is away, so that nobody waits for a lock."""
        return bool(self._forgive(True, super().add, key, value, *args, **kwargs))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Remove the key if the server is there."""
        return bool(self._forgive(False, super().delete, key, version))

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        """Return what is cached of `keys`."""
        return dict(self._forgive({}, super().get_many, keys, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Tell whether the key is there."""
        return bool(self._forgive(False, super().has_key, key, version))

    def _forgive(self, default: Any, operation: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return operation(*args, **kwargs)
        except RedisError as error:
            logger.warning("cache away: %s", error)
            return default
