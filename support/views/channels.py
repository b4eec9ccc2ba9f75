"""Channels one by one: add, change, test, switch, renew the secret, delete."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from deployments.models import Project, Role
from deployments.selectors import project_for
from postdeploy.lib.secrets import seal
from support import services
from support.forms import ChannelForm
from support.models import NotificationChannel
from support.services import ChannelRefused
from support.views.common import person


def _found(request: HttpRequest, project: str, channel: int) -> tuple[Project, NotificationChannel]:
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    rows = NotificationChannel.objects.visible_to(request.user).of(found).select_related("project", "tier")
    return found, get_object_or_404(rows, pk=channel)


def _back(project: Project) -> HttpResponse:
    response = redirect("settings_support", project=project.slug)
    response["Location"] += "#channels"
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def channel_add(request: HttpRequest, project: str) -> HttpResponse:
    """Add a channel; the signing secret of a webhook is shown once, on the page that follows."""
    found = project_for(request.user, project, at_least=Role.MAINTAINER)
    form = ChannelForm(found, request.POST or None)
    if form.is_bound and form.is_valid():
        try:
            channel, secret = services.add_channel(project=found, now=timezone.now(), **form.cleaned_data)
        except ChannelRefused as refused:
            form.add_error(refused.field, refused.sentence)
        else:
            _show_once(request, channel, secret)
            return _back(found)
    return _form(request, found, form, None)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def channel_edit(request: HttpRequest, project: str, channel: int) -> HttpResponse:
    """Change a channel."""
    found, row = _found(request, project, channel)
    initial = {"name": row.name, "address": row.address, "tier": row.tier}
    form = ChannelForm(found, request.POST or None, initial=initial, is_new=False)
    if form.is_bound and form.is_valid():
        try:
            services.edit_channel(row, now=timezone.now(), **form.cleaned_data)
        except ChannelRefused as refused:
            form.add_error(refused.field, refused.sentence)
        else:
            messages.success(request, f"{row.name} was saved.")
            return _back(found)
    return _form(request, found, form, row)


def _form(request: HttpRequest, project: Project, form: ChannelForm, row: NotificationChannel | None) -> HttpResponse:
    context: dict[str, Any] = {"project": project, "form": form, "channel": row}
    return render(request, "support/channel_form.html", context, status=400 if form.is_bound else 200)


def _show_once(request: HttpRequest, channel: NotificationChannel, secret: str) -> None:
    """Keep a new secret for the next page alone: it cannot be read again."""
    if secret:
        request.session["channel_secret"] = {"name": channel.name, "sealed": seal(secret)}
    else:
        messages.success(request, f"{channel.name} was added. Press Test to see whether it arrives.")


@login_required
@require_POST
def channel_test(request: HttpRequest, project: str, channel: int) -> HttpResponse:
    """Send a test message through a channel."""
    found, row = _found(request, project, channel)
    services.test_channel(row, by=person(request).display_name, now=timezone.now())
    messages.info(request, f"A test is on its way to {row.name}; what came of it is shown below.")
    return _back(found)


@login_required
@require_POST
def channel_switch(request: HttpRequest, project: str, channel: int) -> HttpResponse:
    """Switch a channel on or off."""
    found, row = _found(request, project, channel)
    services.switch_channel(row, is_enabled="on" in request.POST, now=timezone.now())
    return _back(found)


@login_required
@require_POST
def channel_secret(request: HttpRequest, project: str, channel: int) -> HttpResponse:
    """Replace the signing secret of a webhook."""
    found, row = _found(request, project, channel)
    try:
        _show_once(request, row, services.renew_secret(row))
    except ChannelRefused as refused:
        messages.error(request, refused.sentence)
    return _back(found)


@login_required
@require_POST
def channel_delete(request: HttpRequest, project: str, channel: int) -> HttpResponse:
    """Delete a channel."""
    found, row = _found(request, project, channel)
    services.delete_channel(row)
    messages.success(request, f"{row.name} was deleted.")
    return _back(found)
