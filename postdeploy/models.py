"""What the ground itself remembers: the tick that shows the flow is alive, and answers to repeat."""

from typing import ClassVar

from django.db import models


class Heartbeat(models.Model):
    """When a named part of the installation last did its work, by the database's clock."""

    name = models.CharField(max_length=40, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.beat_at:%Y-%m-%d %H:%M:%S}"


class KeptAnswer(models.Model):
    """The answer to a request that carried an Idempotency-Key, replayed when the request is repeated."""

    owner = models.CharField(max_length=80, help_text="Who sent it (a token's digest); keys of two owners never meet.")
    method = models.CharField(max_length=7)
    path = models.CharField(max_length=400)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the body.")
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.TextField(default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "method", "path", "key"], name="kept_answer_once")
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="kept_answer_age")]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.key}"
