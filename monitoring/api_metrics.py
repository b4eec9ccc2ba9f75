"""The REST API of samples: its description; a plain view answers."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from monitoring.formats import samples as formats
from monitoring.ingest.bulk import bulk
from postdeploy.api import ApiRequest, Endpoint, Line, Moment, StrictSerializer
from postdeploy.openapi import operation


class SampleInput(StrictSerializer):
    """One sample."""

    metric = Line(max_length=formats.MAX_KEY, help_text="Its key; one that was never named is made.")
    value = serializers.FloatField()
    at = Moment(required=False, help_text="Now, if left out.")
    labels = serializers.DictField(child=Line(max_length=formats.MAX_LABEL), required=False)
    unit = Line(required=False, max_length=formats.MAX_UNIT, help_text="Counts when the metric is made.")


class SeriesInput(StrictSerializer):
    """One entry of the dictionary of series."""

    metric = Line(max_length=formats.MAX_KEY)
    labels = serializers.DictField(child=Line(max_length=formats.MAX_LABEL), required=False)
    unit = Line(required=False, max_length=formats.MAX_UNIT)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "number", "description": "Milliseconds since 1970."},
            {"type": "string", "format": "date-time"},
        ]
    }
)
class Instant(serializers.Field[Any, Any, Any, Any]):
    """A time as a number or as text."""


class MetricsInput(StrictSerializer):
    """Samples of one environment: in rows (`samples`), in columns (`metric`, `value`, `at`), or, which is read fastest,
    in columns with a dictionary (`series`, `of`, `value`, `at`)."""

    project = Line(max_length=60, required=False, help_text="The token's own, if left out.")
    environment = Line(
        max_length=100, required=False, help_text="One that was never named is created. The source's, if left out."
    )
    samples = serializers.ListField(child=SampleInput(), required=False, max_length=formats.MAX_SAMPLES)
    series = serializers.ListField(child=SeriesInput(), required=False, max_length=formats.MAX_SAMPLES)
    of = serializers.ListField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        max_length=formats.MAX_SAMPLES,
        help_text="Of each sample the place of its entry in `series`, from 0.",
    )
    metric = serializers.ListField(
        child=Line(max_length=formats.MAX_KEY), required=False, max_length=formats.MAX_SAMPLES
    )
    value = serializers.ListField(child=serializers.FloatField(), required=False, max_length=formats.MAX_SAMPLES)
    at = serializers.ListField(
        child=Instant(),
        required=False,
        max_length=formats.MAX_SAMPLES,
        help_text="Now, if left out. With `metric` as text, with `series` also as milliseconds since 1970.",
    )


class MetricsOutput(serializers.Serializer[Any]):
    """What became of the samples."""

    accepted = serializers.IntegerField(help_text="Samples that are stored; one that was there before stays as it is.")


class Metrics(Endpoint):
    """Samples of metrics: described here, answered by a plain view."""

    scopes = {"POST": "metrics:write"}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer the request."""
        return bulk(request)

    @operation(
        "send_metrics",
        summary="Send samples of metrics",
        request=MetricsInput,
        responses={202: MetricsOutput},
        errors=[404],
        description=(
            "All or nothing: a sample that cannot be accepted refuses the request and is named. Sending the same again "
            "changes nothing. A metric that was never named is made, with a guess at what it is by its name and unit."
        ),
    )
    def post(self, request: ApiRequest) -> Response:
        """Say what `dispatch` answers."""
        raise NotImplementedError
