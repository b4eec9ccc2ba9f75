"""A small API that stands on the base: one endpoint that stores and refuses, one that only reads."""

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.urls import path
from rest_framework.response import Response

from deployments.models import DeploymentStatus, Environment
from postdeploy.api import (
    Endpoint,
    Flag,
    Line,
    Moment,
    PageQuery,
    Refused,
    StrictSerializer,
    Text,
    Word,
    conditional_response,
    cursor_page,
    paged_response,
)


class PartInput(StrictSerializer):
    name = Line(max_length=20)


class ThingInput(StrictSerializer):
    name = Line(max_length=20)
    text = Text(required=False)
    status = Word(DeploymentStatus, default="RUNNING")
    at = Moment(required=False)
    is_secret = Flag(default=False)
    parts = PartInput(many=True, required=False)


class ThingOutput(StrictSerializer):
    name = Line()
    status = Word(DeploymentStatus)
    at = Moment(required=False)


class Things(Endpoint):
    scopes = {"POST": "deployments:write", "GET": "deployments:read"}
    before_answer = staticmethod(lambda: None)

    def post(self, request):
        values = self.body(ThingInput)
        project = request.auth.project
        environment = Environment.objects.create(project=project, name=values["name"])
        type(self).before_answer()
        return Response({**ThingOutput(values).data, "id": environment.pk}, status=201)

    def get(self, request):
        filters = self.query(ThingQuery)
        rows = Environment.objects.of(request.auth.project)
        if "tier" in filters:
            rows = rows.filter(tier=filters["tier"])
        items, next_cursor = cursor_page(request, rows, order=["-created_at", "-id"], filters=filters)
        return paged_response(request, [row.name for row in items], next_cursor)


class ThingQuery(PageQuery):
    tier = Line(required=False)


class Thing(Endpoint):
    scopes = {"GET": "deployments:read"}

    def get(self, request, number):
        return conditional_response(request, {"number": number})


class Broken(Endpoint):
    scopes = {"GET": "deployments:read"}
    errors = {
        "404": Http404("No such thing."),
        "403": PermissionDenied("Not for you."),
        "409": Refused(409, "It clashes.", code="clash", fields=["version"]),
        "500": ZeroDivisionError("secret detail"),
        "503": OperationalError("secret detail"),
    }

    def get(self, request, kind):
        raise self.errors[kind]


urlpatterns = [
    path("api/v1/things", Things.as_view()),
    path("api/v1/things/<int:number>", Thing.as_view()),
    path("api/v1/broken/<str:kind>", Broken.as_view()),
]

handler404 = "postdeploy.views.not_found"
handler500 = "postdeploy.views.server_error"
