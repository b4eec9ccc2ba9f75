"""Idempotency-Key: the first answer is kept and replayed (draft-ietf-httpapi-idempotency-key-header-07).

The key is locked, the work done and its answer kept in *one* transaction. So there is no half-done state to take over:
when the first request dies, PostgreSQL gives its lock up and nothing of it was stored. Only successes are kept; a
refused request changed nothing and may be sent again under the same key once its cause is mended.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPMethod
from typing import Any, NoReturn, cast

from django.db import connection, transaction
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from postdeploy.models import KeptAnswer
from postdeploy.problems import Refused

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
KEPT_HEADERS = ("Location", "Link", "ETag")
GOOD_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")

CLAIM = """
    INSERT INTO postdeploy_keptanswer
        (owner, method, path, key, fingerprint, status, headers, body, created_at)
    SELECT %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s WHERE pg_try_advisory_xact_lock(%s)
    ON CONFLICT (owner, method, path, key) DO UPDATE SET
        fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
        body = excluded.body, created_at = excluded.created_at
    WHERE postdeploy_keptanswer.created_at <= %s
    RETURNING 1
"""


class Replay(Exception):
    """The request was answered before; `response` is that answer."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


def key_of(request: HttpRequest) -> str | None:
    """Return the request's key, bare or as a quoted string; None when it has none. Refused (400) for a bad one."""
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    key = text.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = re.sub(r'\\(["\\])', r"\1", key[1:-1])
    if len(key) > LONGEST_KEY or not GOOD_KEY.fullmatch(key):
        detail = f"Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters, with or without quotes."
        raise Refused(400, detail, code="bad_idempotency_key")
    return key


def answer_once(
    work: Callable[[], Response],
    *,
    owner: str,
    method: HTTPMethod,
    path: str,
    key: str,
    body: bytes,
    now: datetime,
) -> Response:
    """Do `work` and keep its answer, unless this was done before.

    Raises Replay with the kept answer, Refused 422 when the key was used with another body, and Refused 409 while the
    first request is still being worked on.
    """
    fingerprint = hashlib.sha256(body).hexdigest()
    scope: dict[str, Any] = {"owner": owner, "method": str(method), "path": path[:400], "key": key}
    with transaction.atomic():
        _lock_or_refuse("\0".join(scope.values()))
        kept = KeptAnswer.objects.filter(**scope).first()
        if kept and kept.created_at > now - KEPT_FOR:
            raise Replay(_replayed(kept, fingerprint))
        response = work()
        if response.status_code < 300:
            answer = {**_kept(response), "fingerprint": fingerprint, "created_at": now}
            KeptAnswer.objects.update_or_create(defaults=answer, **scope)
    return response


@dataclass(frozen=True)
class Claim:
    """A key that is kept together with work that is one statement, and whose answer is known beforehand.

    `statement` gives a row when the work is to be done; without one it is not, and `explain` says why.
    """

    owner: str
    method: HTTPMethod
    path: str
    key: str
    body: bytes
    answer: HttpResponse
    now: datetime

    @property
    def scope(self) -> dict[str, Any]:
        """What a key belongs to."""
        return {"owner": self.owner, "method": str(self.method), "path": self.path[:400], "key": self.key}

    @property
    def statement(self) -> tuple[str, tuple[Any, ...]]:
        """Return the SQL that keeps the answer, and its parameters."""
        headers = {"Content-Type": self.answer["Content-Type"]} if self.answer.content else {}
        kept = (self.answer.status_code, json.dumps(headers), self.answer.content.decode(), self.now)
        lock = lock_number("\0".join(self.scope.values()))
        return CLAIM, (*self.scope.values(), self.fingerprint, *kept, lock, self.now - KEPT_FOR)

    @property
    def fingerprint(self) -> str:
        """Return what tells the body from others."""
        return hashlib.sha256(self.body).hexdigest()

    def make(self) -> None:
        """Keep the answer where there is no work; raises as `explain` does."""
        with connection.cursor() as cursor:
            cursor.execute(*self.statement)
            if cursor.rowcount:
                return
        self.explain()

    def explain(self) -> NoReturn:
        """Raise Replay, or Refused with 422 or 409, as `answer_once` does."""
        with transaction.atomic():
            _lock_or_refuse("\0".join(self.scope.values()))
            raise Replay(_replayed(KeptAnswer.objects.get(**self.scope), self.fingerprint))

    def refuse_reuse(self) -> None:
        """Raise Refused (422) when the key was used with another body, for a request that is wrong anyway."""
        if kept := KeptAnswer.objects.filter(**self.scope).first():
            _replayed(kept, self.fingerprint)


def forget_old_keys() -> None:
    """Drop answers older than the promised time."""
    KeptAnswer.objects.filter(created_at__lt=Now() - KEPT_FOR).delete()


def forget_owner(owner: str) -> None:
    """Drop all answers kept for `owner`."""
    KeptAnswer.objects.filter(owner=owner).delete()


def lock_number(scope: str) -> int:
    """Return the number of the advisory lock that stands for a key in its scope."""
    return int.from_bytes(hashlib.sha256(scope.encode()).digest()[:8], signed=True)


def _lock_or_refuse(scope: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_number(scope)])
        if not cast(tuple[bool], cursor.fetchone())[0]:
            detail = "The first request with this Idempotency-Key is still being worked on; ask again in a second."
            raise Refused(409, detail, code="in_progress", headers={"Retry-After": "1"})


def _kept(response: Response) -> dict[str, object]:
    headers = {name: response[name] for name in KEPT_HEADERS if name in response}
    content = JSONRenderer().render(response.data) if response.data is not None else b""
    return {"status": response.status_code, "headers": headers, "body": content.decode()}


def _replayed(kept: KeptAnswer, fingerprint: str) -> HttpResponse:
    if kept.fingerprint != fingerprint:
        detail = "This Idempotency-Key was used with another body. Send the first body again, or a new key."
        raise Refused(422, detail, code="idempotency_key_reused")
    headers = {"Content-Type": "application/json", **kept.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(kept.body, status=kept.status, headers=headers)
