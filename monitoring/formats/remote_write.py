"""PURE: Prometheus remote write 1.0: a snappy block around a protobuf message.

Source: prometheus/docs, docs/specs/prw/remote_write_spec.md. Metadata, exemplars and native histograms are passed over:
a request of metadata alone is fine and empty.
"""

import struct
from functools import cache
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from monitoring.formats.batch import Batch, BodyRefused, Columns, Facts, Name, name_of, shown
from monitoring.formats.exposition import is_counter_name

CONTENT_TYPE = "application/x-protobuf"
#: `proto=` of the content type: 1.0's message, the only one that is read here.
MESSAGE = "prometheus.WriteRequest"

_FIELDS = {
    "WriteRequest": (("timeseries", 1, "TimeSeries", True),),
    "TimeSeries": (("labels", 1, "Label", True), ("samples", 2, "Sample", True)),
    "Label": (("name", 1, "bytes", False), ("value", 2, "bytes", False)),
    "Sample": (("value", 1, "double", False), ("timestamp", 2, "int64", False)),
}
_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {"bytes": _Field.TYPE_BYTES, "double": _Field.TYPE_DOUBLE, "int64": _Field.TYPE_INT64}
#: The bits of the NaN that says "this series has ended".
STALE = 0x7FF0000000000002


def is_stale(value: float) -> bool:
    """Tell whether a NaN is Prometheus' stale marker."""
    return bool(struct.unpack("<Q", struct.pack("<d", value))[0] == STALE)


def unsnap(body: bytes, *, max_bytes: int) -> bytes:
    """Return what a snappy block holds; BodyRefused, with 413 before anything is made room for."""
    try:
        claimed = cramjam.snappy.decompress_raw_len(body)
        if claimed > max_bytes:
            raise BodyRefused(f"The body holds more than {max_bytes:,} bytes.", status=413, code="too_large")
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise BodyRefused("The body is not a snappy block.", code="invalid_snappy") from None


def read_write_request(message: bytes) -> Batch:
    """Return the samples of a WriteRequest; BodyRefused when it is none. A series without a name is left out."""
    request = _message("WriteRequest")()
    try:
        request.ParseFromString(message)
    except DecodeError:
        detail = f"The body is not a protobuf message {MESSAGE}."
        raise BodyRefused(detail, code="invalid_protobuf") from None
    columns = Columns()
    for series in request.timeseries:
        _add(columns, series)
    return columns.batch()


def write_request(series: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> bytes:
    """Return a WriteRequest, of labels and samples (milliseconds, value), as a sender would put it into snappy."""
    request = _message("WriteRequest")()
    for labels, samples in series:
        made = request.timeseries.add()
        for name, value in sorted(labels.items()):
            made.labels.add(name=name.encode(), value=value.encode())
        for timestamp, number in samples:
            made.samples.add(value=number, timestamp=timestamp)
    return bytes(request.SerializeToString())


def _add(columns: Columns, series: Any) -> None:
    try:
        labels = {label.name.decode(): label.value.decode() for label in series.labels}
    except UnicodeDecodeError:
        columns.leave_out("BAD_NAME", "A label is not valid UTF-8.", count=len(series.samples))
        return
    metric = labels.pop("__name__", "")
    name = name_of(metric, labels)
    if fault := _fault(series, metric, name):
        columns.leave_out("BAD_NAME", fault, example=shown(name)[:200], count=len(series.samples))
        return
    facts = Facts(is_counter=is_counter_name(metric))
    for sample in series.samples:
        columns.add(name, sample.timestamp * 1000, sample.value, facts)


def _fault(series: Any, metric: str, name: Name) -> str | None:
    if not metric:
        return "A series has no name: the label __name__ is missing."
    if len(series.labels) != len({label.name for label in series.labels}):
        return "A series has the same label twice."
    return "A label has no name or no value." if any(not (key and value) for key, value in name.labels) else None


@cache
def _message(name: str) -> Any:
    """Return the class of a message; made from the table above, since no package on the index brings it."""
    file = descriptor_pb2.FileDescriptorProto(name="postdeploy/remote_write.proto", package="postdeploy.remote_write")
    for message, described in _FIELDS.items():
        made = file.message_type.add(name=message)
        for field, number, kind, is_repeated in described:
            label = _Field.LABEL_REPEATED if is_repeated else _Field.LABEL_OPTIONAL
            added = made.field.add(name=field, number=number, label=label)
            if kind in _TYPES:
                added.type = _TYPES[kind]
            else:
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".postdeploy.remote_write.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"postdeploy.remote_write.{name}"))
