"""The tokens of a project's pipelines, for its maintainers."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from deployments import services
from deployments.forms import TokenForm
from deployments.models import ApiToken, Project, Role, User
from deployments.selectors import project_for, report_command, token_rows


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest, project: str) -> HttpResponse:
    """List tokens and make one. A new token is shown in this one answer; it cannot be shown again."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    form = TokenForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _page(request, found, form)
    assert isinstance(request.user, User)
    token, text = services.create_token(
        project=found,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_in=form.expires_in(),
        created_by=request.user,
        now=timezone.now(),
    )
    return _page(request, found, TokenForm(), new_token=token, text=text)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def token_revoke(request: HttpRequest, project: str, token: int) -> HttpResponse:
    """Revoke a token, after a question."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    row = get_object_or_404(ApiToken.objects.of(found), pk=token)
    if request.method != "POST":
        return render(request, "deployments/token_revoke.html", {"project": found, "token": row})
    if services.revoke_token(token=row, now=timezone.now()):
        messages.success(request, f"{row.name} was revoked: its next request is refused.")
    else:
        messages.info(request, f"{row.name} was revoked before.")
    return redirect("tokens", project=found.slug)


def _page(
    request: HttpRequest, project: Project, form: TokenForm, *, new_token: ApiToken | None = None, text: str = ""
) -> HttpResponse:
    context = {
        "project": project,
        "form": form,
        "rows": token_rows(project, now=timezone.now()),
        "new_token": new_token,
        "text": text,
        "command": report_command(project, token=text or "$POSTDEPLOY_TOKEN"),
    }
    response = render(request, "deployments/tokens.html", context, status=400 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response
