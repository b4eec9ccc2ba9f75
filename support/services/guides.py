"""Support documentation: user guides and technical documents, written by people in Markdown."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from deployments.models import Deployment, Project, User
from support.models import Article


class GuideConflict(Exception):
    """Somebody else saved the guide since it was opened; `guide` is theirs."""

    def __init__(self, guide: Article) -> None:
        super().__init__("Somebody else changed this guide in the meantime; nothing of yours was stored yet.")
        self.guide = guide


def save_guide(
    *,
    project: Project,
    kind: str,
    title: str,
    body: str,
    author: User,
    now: datetime,
    deployment: Deployment | None = None,
    guide: Article | None = None,
    revision: int | None = None,
) -> Article:
    """Write a guide, or the next revision of `guide`, whose address stays; raises GuideConflict for an old revision."""
    fields = {"kind": kind, "title": title, "body": body, "author": author, "deployment": deployment}
    if guide is None:
        return _create(project, {**fields, "created_at": now})
    with transaction.atomic():
        latest = Article.objects.select_for_update(no_key=True).get(pk=guide.pk)
        if revision is not None and revision != latest.revision:
            raise GuideConflict(latest)
        for name, value in fields.items():
            setattr(latest, name, value)
        latest.revision += 1
        latest.save()
    return latest


def _create(project: Project, fields: dict[str, object]) -> Article:
    """Store a new guide under the first free address made of its title."""
    stem = slugify(str(fields["title"]))[:100] or "guide"
    for number in range(1, 1000):
        slug = stem if number == 1 else f"{stem}-{number}"
        try:
            with transaction.atomic():
                return Article.objects.create(project=project, slug=slug, **fields)
        except IntegrityError:
            continue
    raise ValueError(f"a thousand guides are called {stem}")
