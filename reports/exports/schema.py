"""The JSON Schema of the exported Deployment Summary, read off the record's dataclasses."""

import dataclasses
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from reports.exports.record import SCHEMA_VERSION, Record

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
}


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12, as OpenAPI 3.1 wants it) of `json.export`."""
    record = _of(Record)
    version = {"type": "integer", "const": SCHEMA_VERSION}
    return record | {
        "properties": {"schema_version": version} | record["properties"],
        "required": ["schema_version", *record["required"]],
    }


def _of(hint: Any) -> dict[str, Any]:
    if get_origin(hint) in (Union, UnionType):
        known = next(option for option in get_args(hint) if option is not NoneType)
        return {"oneOf": [_of(known), {"type": "null"}]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _of(get_args(hint)[0])}
    if dataclasses.is_dataclass(hint):
        fields = {name: _of(kind) for name, kind in get_type_hints(hint).items()}
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return _PLAIN[hint]
