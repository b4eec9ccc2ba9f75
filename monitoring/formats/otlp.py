"""PURE: OTLP metrics, in protobuf or in JSON, and their answers.

Source: open-telemetry/opentelemetry-proto, docs/specification.md and metrics.proto. A histogram becomes what it is in
Prometheus: `_count`, `_sum` and `_bucket` with the label `le`. Points with the flag "no recorded value" add nothing.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from monitoring.formats.batch import MAX_UNIT, Batch, BodyRefused, Columns, Facts, Name, name_of, shown
from postdeploy.lib.payloads import PayloadRefused, read_json

PROTOBUF, JSON = "application/x-protobuf", "application/json"
#: What of a resource tells series apart. Its version does not: a series goes on through a deployment.
RESOURCE_LABELS = ("service.name", "service.namespace", "service.instance.id", "host.name")
#: Of an exponential histogram two buckets for each doubling are kept, whatever resolution it was sent in.
SCALE, MOST_BUCKETS = 1, 80
MAX_DEPTH = 32
#: How protobuf's reader begins what it says of a field, such as "Failed to parse resourceMetrics field: Failed to …".
_PLACE = re.compile(r"Failed to parse (\w+) field: ")

_DELTA, _CUMULATIVE = 1, 2
_NO_VALUE = 1
_UNITS = {"1": "", "By": "bytes", "by": "bytes", "KiBy": "KiB", "MiBy": "MiB"}


def read_otlp(body: bytes, *, content_type: str, now_us: int) -> Batch:
    """Return the samples of an ExportMetricsServiceRequest; BodyRefused when the body is none."""
    request = _parsed(body) if content_type == PROTOBUF else _parsed_json(body)
    columns = Columns()
    for resource_metrics in request.resource_metrics:
        resource = _resource_labels(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                _Metric(columns, metric, resource, now_us).read()
    return columns.batch()


def success(*, rejected: int, message: str, content_type: str) -> bytes:
    """Return the body of a 200: empty when everything was taken, else how many points were not, and why."""
    answer = ExportMetricsServiceResponse()
    if rejected or message:
        answer.partial_success.rejected_data_points = rejected
        answer.partial_success.error_message = message
    return _written(answer, content_type)


def failure(*, message: str, content_type: str) -> bytes:
    """Return the body of a 4xx or 5xx: a google.rpc.Status, of which only the message (field 2, a string) is given."""
    if content_type != PROTOBUF:
        return json.dumps({"message": message}).encode()
    text = message.encode()
    return b"\x12" + _varint(len(text)) + text


def _written(message: Any, content_type: str) -> bytes:
    if content_type == PROTOBUF:
        return bytes(message.SerializeToString())
    return json_format.MessageToJson(message, indent=None).encode()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


def _parsed(body: bytes) -> ExportMetricsServiceRequest:
    try:
        return ExportMetricsServiceRequest.FromString(body)
    except DecodeError:
        detail = "The body is not a protobuf message ExportMetricsServiceRequest."
        raise BodyRefused(detail, code="invalid_protobuf") from None


def _parsed_json(body: bytes) -> ExportMetricsServiceRequest:
    try:
        value = read_json(body, max_bytes=len(body), max_depth=MAX_DEPTH)
    except PayloadRefused as error:
        raise BodyRefused(error.detail, status=error.status, code=error.code, pointer=error.pointer) from None
    request = ExportMetricsServiceRequest()
    try:
        if not isinstance(value, dict):
            raise BodyRefused("The body must be a JSON object with resourceMetrics.", code="invalid_otlp")
        return json_format.ParseDict(value, request, ignore_unknown_fields=True)
    except (json_format.ParseError, AttributeError, KeyError, TypeError, ValueError) as error:
        place = ".".join(_PLACE.findall(str(error)))
        where = f" Something in {place} is of another type than the standard says." if place else ""
        detail = f"The body is not an ExportMetricsServiceRequest in JSON.{where}"
        raise BodyRefused(detail, code="invalid_otlp") from None


class _Metric:
    """One metric of a request and its points."""

    def __init__(self, columns: Columns, metric: Any, resource: Mapping[str, str], now_us: int) -> None:
        self.columns, self.metric, self.resource, self.now_us = columns, metric, resource, now_us
        unit = metric.unit.strip()
        self.unit = "" if unit.startswith("{") else _UNITS.get(unit, unit)[:MAX_UNIT]

    def read(self) -> None:
        """Add the points."""
        kind = self.metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(self.metric, kind)
        temporality = getattr(data, "aggregation_temporality", None)
        if temporality not in (None, _DELTA, _CUMULATIVE):
            sentence = "The metric does not say whether it is cumulative (aggregationTemporality 1 or 2)."
            self.columns.leave_out("BAD_VALUE", sentence, self.metric.name[:120], len(data.data_points))
            return
        is_counter = temporality == _CUMULATIVE and (kind != "sum" or data.is_monotonic)
        add = {
            "gauge": self._number,
            "sum": self._number,
            "histogram": self._histogram,
            "exponential_histogram": self._exponential,
            "summary": self._summary,
        }[kind]
        for point in data.data_points:
            if not point.flags & _NO_VALUE:
                add(point, self._name(point), is_counter)

    def _name(self, point: Any) -> Name:
        return name_of(self.metric.name, {**self.resource, **_labels(point.attributes)})

    def _add(
        self, point: Any, name: Name, value: float, *, is_counter: bool, unit: str = "", part: bool = False
    ) -> None:
        facts = Facts(unit, self.metric.description[:300], is_counter, part)
        name = name._replace(unit=unit) if unit else name
        self.columns.add(name, point.time_unix_nano // 1000 or self.now_us, value, facts)

    def _number(self, point: Any, name: Name, is_counter: bool) -> None:
        value = float(point.as_int) if point.WhichOneof("value") == "as_int" else point.as_double
        self._add(point, name, value, is_counter=is_counter, unit=self.unit)

    def _histogram(self, point: Any, name: Name, is_counter: bool) -> None:
        counts, bounds = list(point.bucket_counts), list(point.explicit_bounds)
        if (counts or bounds) and len(counts) != len(bounds) + 1:
            sentence = f"A histogram has {len(counts)} buckets for {len(bounds)} bounds; it must have one more."
            self.columns.leave_out("BAD_VALUE", sentence, shown(name))
            return
        self._distribution(point, name, zip((*bounds, math.inf), counts, strict=False), is_counter)
        if not is_counter:
            self._extremes(point, name)

    def _exponential(self, point: Any, name: Name, is_counter: bool) -> None:
        if max(len(point.positive.bucket_counts), len(point.negative.bucket_counts)) > 4096 or abs(point.scale) > 20:
            self.columns.leave_out("BAD_VALUE", "An exponential histogram has more than 4,096 buckets.", shown(name))
            return
        self._distribution(point, name, (*exponential_buckets(point), (math.inf, 0)), is_counter)
        if not is_counter:
            self._extremes(point, name)

    def _distribution(self, point: Any, name: Name, buckets: Iterable[tuple[float, int]], is_counter: bool) -> None:
        self._add(point, _part(name, "_count"), float(point.count), is_counter=is_counter)
        if point.HasField("sum"):
            self._add(point, _part(name, "_sum"), point.sum, is_counter=is_counter, unit=self.unit, part=True)
        total = 0
        for bound, count in buckets:
            total += count
            le = "+Inf" if bound == math.inf else f"{bound:.10g}"
            self._add(point, _part(name, "_bucket", le=le), float(total), is_counter=is_counter, part=True)

    def _extremes(self, point: Any, name: Name) -> None:
        for end in ("min", "max"):
            if point.HasField(end):
                value = getattr(point, end)
                self._add(point, _part(name, f"_{end}"), value, is_counter=False, unit=self.unit, part=True)

    def _summary(self, point: Any, name: Name, is_counter: bool) -> None:
        self._add(point, _part(name, "_count"), float(point.count), is_counter=True)
        self._add(point, _part(name, "_sum"), point.sum, is_counter=True, unit=self.unit, part=True)
        for at in point.quantile_values:
            quantile = _part(name, "", quantile=f"{at.quantile:.10g}")
            self._add(point, quantile, at.value, is_counter=False, unit=self.unit, part=True)


def exponential_buckets(point: Any) -> Iterator[tuple[float, int]]:
    """Yield (upper bound, count) of an exponential histogram in rising order, merged to two buckets a doubling.

    A bucket of index i holds base^i < |value| <= base^(i+1) with base = 2^(2^-scale); merging pairs of neighbours
    halves the scale, exactly.
    """
    positive, negative = _indices(point.positive), _indices(point.negative)
    scale = point.scale
    while scale > SCALE or max(len(positive), len(negative)) > MOST_BUCKETS:
        positive, negative, scale = _halved(positive), _halved(negative), scale - 1
    base = 2.0**-scale
    for index in sorted(negative, reverse=True):
        yield -_power(index * base), negative[index]
    if point.zero_count or negative:
        yield point.zero_threshold, point.zero_count
    for index in sorted(positive):
        yield _power((index + 1) * base), positive[index]


def _power(exponent: float) -> float:
    return float(2.0 ** min(max(exponent, -1074.0), 1023.0))


def _indices(buckets: Any) -> dict[int, int]:
    counts = np.array(buckets.bucket_counts, dtype=np.uint64)
    return {int(place) + buckets.offset: int(counts[place]) for place in counts.nonzero()[0]}


def _halved(buckets: Mapping[int, int]) -> dict[int, int]:
    merged: dict[int, int] = {}
    for index, count in buckets.items():
        merged[index >> 1] = merged.get(index >> 1, 0) + count
    return merged


def _part(name: Name, suffix: str, **labels: str) -> Name:
    return Name(name.metric + suffix, tuple(sorted((*name.labels, *labels.items()))), name.environment)


def _resource_labels(attributes: Any) -> dict[str, str]:
    """Return the labels every series of a resource has, and the name of its environment."""
    said = _labels(attributes)
    return {
        key: value
        for key, value in said.items()
        if key in RESOURCE_LABELS or key in ("deployment.environment.name", "deployment.environment")
    }


def _labels(attributes: Any) -> dict[str, str]:
    found = {pair.key: _text(pair.value) for pair in attributes if pair.key}
    return {key: value for key, value in found.items() if value}


def _text(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    if kind in ("array_value", "kvlist_value", "bytes_value"):
        return json.dumps(json_format.MessageToDict(value), sort_keys=True)[:200]
    inner = getattr(value, kind)
    return str(inner).lower() if kind == "bool_value" else str(inner)
