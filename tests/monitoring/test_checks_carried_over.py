"""Checks of the first release say what they expect in the language of conditions."""

from importlib import import_module
from types import SimpleNamespace

import pytest

from monitoring.conditions import Answer, parse

conditions_of = import_module("monitoring.migrations.0006_check_kinds").conditions_of
PLAIN = {"expected_status": "200-299", "max_response_ms": None, "body_contains": "", "json_path": "", "json_value": ""}


@pytest.mark.parametrize(
    ("old", "text"),
    [
        ({}, "status in 200-299"),
        ({"expected_status": "200-204, 301,2xx"}, "status in 200-204, 301,2xx"),
        ({"max_response_ms": 500}, "status in 200-299\ntime <= 500 ms"),
        ({"body_contains": 'say "hi"'}, 'status in 200-299\nbody contains "say \\"hi\\""'),
        ({"json_path": "data.items[0].ok"}, "status in 200-299\njson data.items[0].ok exists"),
        ({"json_path": "['a b']", "json_value": "up and well"}, "status in 200-299\njson ['a b'] == up and well"),
        ({"json_path": "/a/b", "json_value": '{"c": 1}'}, 'status in 200-299\njson /a/b == {"c": 1}'),
    ],
)
def test_it_is_said_in_a_way_that_can_be_read(old, text):
    assert conditions_of(SimpleNamespace(**PLAIN | old)) == text
    assert parse(text)


@pytest.mark.parametrize(
    ("body", "value", "holds"),
    [
        (b'{"a": 1}', "1", True),
        (b'{"a": "1"}', "1", True),
        (b'{"a": true}', "1", False),
        (b'{"a": "up"}', "up", True),
        (b'{"a": "up"}', '"up"', True),
        (b'{"a": null}', "null", True),
        (b'{"a": 1.0}', "1", True),
    ],
)
def test_a_value_in_json_means_what_it_meant(body, value, holds):
    _, condition = parse(conditions_of(SimpleNamespace(**PLAIN | {"json_path": "a", "json_value": value})))
    assert (condition.complaint(Answer(status=200, body=body)) is None) is holds
