"""The usual way to take samples in, to compare with: REST framework's serializers and the ORM, on the same settings."""

from typing import Any, ClassVar

import django
from django.core.wsgi import get_wsgi_application

django.setup()

from django.conf import settings  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.parsers import JSONParser  # noqa: E402
from rest_framework.permissions import AllowAny  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from postdeploy.urls import urlpatterns as ours  # noqa: E402


class Sample(models.Model):
    """A sample as a row with an index."""

    series_id = models.BigIntegerField()
    at = models.DateTimeField()
    value = models.FloatField()

    class Meta:
        app_label = "bench"
        db_table = "bench_sample"
        managed = False

    def __str__(self) -> str:
        return f"{self.value} at {self.at}"


class SampleSerializer(serializers.ModelSerializer[Sample]):
    """What is sent."""

    class Meta:
        model = Sample
        fields: ClassVar = ["series_id", "at", "value"]


class Samples(APIView):
    """One sample or many; the token is read as everywhere in the API."""

    parser_classes = [JSONParser]
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        """Store what was sent."""
        many = isinstance(request.data, list)
        serializer: Any = SampleSerializer(data=request.data, many=many)
        serializer.is_valid(raise_exception=True)
        if many:
            Sample.objects.bulk_create([Sample(**each) for each in serializer.validated_data])
        else:
            serializer.save()
        return Response({"accepted": len(request.data) if many else 1}, status=201)


urlpatterns = [path("api/v1/bench/samples", Samples.as_view()), *ours]
settings.ROOT_URLCONF = "bench.rest"
application = get_wsgi_application()
