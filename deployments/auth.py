"""Who is asking: people through allauth, pipelines through a bearer token."""

import re
from datetime import datetime, timedelta

from allauth.account.adapter import DefaultAccountAdapter
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from deployments.models import ApiToken
from deployments.tokens import PREFIX, digest_of

#: `latest_use_at` is for people; a write on every request would be dear.
USE_NOTED_EVERY = timedelta(minutes=1)
IN_URL = re.compile(rf"(?:^|[?&;=])(?:{PREFIX}|(?:access_|api_)?token=)", re.IGNORECASE)


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by an administrator; nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Always False."""
        return False


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer pd_…`; the token is found by its digest, so that no comparison can be timed."""

    def authenticate(self, request: Request) -> tuple[None, ApiToken] | None:
        """Return the token as `request.auth`; None when none was sent, AuthenticationFailed for a bad one."""
        if IN_URL.search(request.META.get("QUERY_STRING", "")):
            raise AuthenticationFailed(
                'A token in an address ends up in logs. Send it in the header "Authorization: Bearer …" '
                "and revoke the one that was sent."
            )
        scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed('Send the token as "Authorization: Bearer …".')
        now: datetime = getattr(request, "now", None) or timezone.now()
        token = ApiToken.objects.usable(at=now).select_related("project").filter(digest=digest_of(text.strip())).first()
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked.")
        note_use(token, now=now)
        return None, token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="postdeploy"'


def note_use(token: ApiToken, *, now: datetime) -> None:
    """Write down that the token is in use, at most once a minute."""
    stale = now - USE_NOTED_EVERY
    if token.latest_use_at is None or token.latest_use_at < stale:
        unnoted = Q(latest_use_at__isnull=True) | Q(latest_use_at__lt=stale)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(latest_use_at=now)
