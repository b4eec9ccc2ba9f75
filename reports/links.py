"""Addresses of the lists and things that pages of this floor point to; a filter in a link is the filter of its list."""

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse


def with_query(path: str, **query: Any) -> str:
    """Return `path` with those of `query` that say something."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


@dataclass(frozen=True, slots=True)
class Target:
    """A thing with a page: its address is looked up only when a page asks for it."""

    page: str
    project: str
    key: str | int | uuid.UUID

    @property
    def url(self) -> str:
        """The page's address."""
        return reverse(self.page, args=[self.project, self.key])


def overview(project: str) -> str:
    """The overview of the project with this slug."""
    return reverse("overview", args=[project])


def deployments(project: str, **query: Any) -> str:
    """The list of deployments, filtered."""
    return with_query(reverse("deployments", args=[project]), **query)


def issues(project: str, **query: Any) -> str:
    """The issue log, filtered."""
    return with_query(reverse("issues", args=[project]), **query)


def checks(project: str, **query: Any) -> str:
    """The list of checks, filtered."""
    return with_query(reverse("checks", args=[project]), **query)


def summaries(project: str, **query: Any) -> str:
    """The list of summaries, filtered."""
    return with_query(reverse("summaries", args=[project]), **query)
