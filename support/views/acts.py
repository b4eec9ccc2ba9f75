"""What people do with an issue; each is a plain POST that ends on the issue's page again."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from deployments.models import Project, Role
from deployments.selectors import project_for
from issues import services
from issues.models import Issue, IssueStatus
from issues.services import Conflict, IssueRefused
from support.forms import CommentForm, EscalateForm, IssueEditForm, MoveForm
from support.services import EscalationRefused, escalate_by_hand
from support.views.common import actor, issue_or_404
from support.views.log import issue_page


def _found(request: HttpRequest, project: str, reference: str) -> tuple[Project, Issue]:
    found = project_for(request.user, project, at_least=Role.RESPONDER)
    return found, issue_or_404(request, found, reference)


def _back(issue: Issue) -> HttpResponse:
    return redirect("issue", project=issue.project.slug, reference=issue.reference)


@login_required
@require_POST
def issue_comment(request: HttpRequest, project: str, reference: str) -> HttpResponse:
    """Add an update."""
    found, issue = _found(request, project, reference)
    form = CommentForm(request.POST)
    if not form.is_valid():
        return issue_page(request, found, issue, status=400, comment=form)
    services.comment(issue_id=issue.pk, text=form.cleaned_data["text"], actor=actor(request, found), now=timezone.now())
    return _back(issue)


@login_required
@require_POST
def issue_move(request: HttpRequest, project: str, reference: str) -> HttpResponse:
    """Take a step of the process."""
    found, issue = _found(request, project, reference)
    form = MoveForm(found, request.POST)
    if not form.is_valid():
        sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return _refused(request, issue, IssueRefused("status", sentence), form.data.get("status", ""))
    given = form.cleaned_data
    try:
        _move(issue, given, by=actor(request, found))
    except IssueRefused as refused:
        return _refused(request, issue, refused, given["status"])
    except Conflict as conflict:
        return _conflict(request, issue, conflict)
    return _back(issue)


def _move(issue: Issue, given: dict[str, Any], *, by: services.Actor) -> None:
    now = timezone.now()
    if given["status"] == IssueStatus.ASSESSED and (given["severity"] or given["impact"]):
        services.assess_issue(
            issue_id=issue.pk,
            severity=given["severity"] or issue.severity,
            impact=given["impact"],
            actor=by,
            now=now,
            revision=given["revision"],
        )
        return
    services.move_issue(
        issue_id=issue.pk,
        status=given["status"],
        owner=given["owner"],
        resolution=given["resolution"],
        reason=given["reason"],
        revision=given["revision"],
        actor=by,
        now=now,
    )


def _refused(request: HttpRequest, issue: Issue, refused: IssueRefused, wished: str) -> HttpResponse:
    """Show the page again with the sentence, the form that was sent still open and filled in."""
    issue.refresh_from_db()
    status = 403 if refused.is_forbidden else 409 if refused.field == "status" else 400
    extra = {"refused": refused.sentence, "wished": wished, "sent": request.POST}
    return issue_page(request, issue.project, issue, status=status, **extra)


def _conflict(request: HttpRequest, issue: Issue, conflict: Conflict) -> HttpResponse:
    """Show both values; the form now carries the latest revision, so that sending it again is meant."""
    issue.refresh_from_db()
    wished = request.POST.get("status", "")
    return issue_page(
        request, issue.project, issue, status=409, conflict=_rows(conflict), wished=wished, sent=request.POST
    )


def _rows(conflict: Conflict) -> list[tuple[str, Any, Any]]:
    return [(name.capitalize(), conflict.theirs[name], yours) for name, yours in conflict.yours.items()]


@login_required
@require_POST
def issue_escalate(request: HttpRequest, project: str, reference: str) -> HttpResponse:
    """Hand the issue to the next tier."""
    found, issue = _found(request, project, reference)
    form = EscalateForm(request.POST)
    note = form.cleaned_data["note"] if form.is_valid() else ""
    try:
        if form.errors:
            raise EscalationRefused("The note can have at most 300 characters.")
        escalate_by_hand(issue_id=issue.pk, note=note, actor=actor(request, found), now=timezone.now())
    except EscalationRefused as refused:
        extra = {"refused": str(refused), "wished": "ESCALATED", "sent": request.POST}
        return issue_page(request, found, issue, status=400, **extra)
    return _back(issue)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def issue_edit(request: HttpRequest, project: str, reference: str) -> HttpResponse:
    """Change the words of an issue; a conflict shows both values."""
    found, issue = _found(request, project, reference)
    form = IssueEditForm(issue, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _edit_page(request, issue, form, status=400 if form.is_bound else 200)
    try:
        services.edit_issue(
            issue_id=issue.pk,
            changes=form.changes(),
            revision=form.cleaned_data["revision"],
            actor=actor(request, found),
            now=timezone.now(),
        )
    except IssueRefused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
        return _edit_page(request, issue, form, status=400)
    except Conflict as conflict:
        again = request.POST.copy()
        again["revision"] = str(conflict.issue.revision)
        form = IssueEditForm(conflict.issue, again)
        return _edit_page(request, conflict.issue, form, status=409, conflict=_rows(conflict))
    messages.success(request, f"{issue.reference} was changed.")
    return _back(issue)


def _edit_page(request: HttpRequest, issue: Issue, form: IssueEditForm, *, status: int, **extra: Any) -> HttpResponse:
    context = {"project": issue.project, "issue": issue, "form": form, **extra}
    return render(request, "support/issue_form.html", context, status=status)
