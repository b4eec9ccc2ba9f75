"""What a token may do."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from deployments.models import ApiToken
from postdeploy.problems import Refused


class HasScope(BasePermission):
    """Lets a token pass that carries the scope which the endpoint names for the method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether there is a token; Refused (403) naming the scope it lacks."""
        token = request.auth
        if not isinstance(token, ApiToken):
            return False
        method = "GET" if request.method == "HEAD" else str(request.method)
        scope = view.scopes[method]
        if not token.may(scope):
            carried = ", ".join(token.scopes) or "none"
            detail = f"This needs the scope {scope}; the token “{token.name}” has: {carried}."
            raise Refused(403, detail, code="missing_scope", scope=scope)
        return True
