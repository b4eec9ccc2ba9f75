"""Where examples are kept, and what one is."""

from dataclasses import dataclass, field, replace
from typing import Any

LEAST = {"project": "shop", "environment": "production", "version": "1.42.0"}


@dataclass(frozen=True)
class Request:
    """What is sent to /api/v1; a `body` of None is a GET, one of bytes is sent as it is."""

    path: str
    body: Any = None
    query: str = ""
    before: tuple["Request", ...] = field(default=(), kw_only=True)
    verb: str = field(default="", kw_only=True)
    content_type: str = field(default="application/json", kw_only=True)
    headers: dict[str, str] = field(default_factory=dict, kw_only=True)

    @property
    def method(self):
        return self.verb or ("GET" if self.body is None else "POST")

    def elsewhere(self, path):
        return replace(self, path=path)


EXAMPLES = {}


def example(operation, *statuses):
    """Register a function that sets the stage in a project and returns the Request that is answered so."""

    def register(function):
        for status in statuses:
            assert (operation, status) not in EXAMPLES
            EXAMPLES[operation, status] = function
        return function

    return register
