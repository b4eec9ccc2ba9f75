"""Who is asking: people through allauth, pipelines through a bearer token."""

from datetime import datetime

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from deployments.models import ApiToken
from deployments.tokens import BadToken, digest_of, sent_token


class AccountAdapter(DefaultAccountAdapter):
    """Accounts are made by an administrator; nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Always False."""
        return False


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer pd_…`; the token is found by its digest, so that no comparison can be timed."""

    def authenticate(self, request: Request) -> tuple[None, ApiToken] | None:
        """Return the token as `request.auth`; None when none was sent, AuthenticationFailed for a bad one."""
        try:
            text = sent_token(request.headers.get("Authorization", ""), request.META.get("QUERY_STRING", ""))
        except BadToken as error:
            raise AuthenticationFailed(str(error)) from None
        if text is None:
            return None
        now: datetime = getattr(request, "now", None) or timezone.now()
        token = ApiToken.objects.usable(at=now).select_related("project").filter(digest=digest_of(text)).first()
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked.")
        ApiToken.objects.note_use(token.pk, latest=token.latest_use_at, now=now)
        return None, token

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="postdeploy"'
