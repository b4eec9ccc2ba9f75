"""What the logs say while the broker or the database is away."""

import logging

import pytest
from celery.beat import SchedulingError
from django.db import InterfaceError, OperationalError
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError

from postdeploy.logs import ServerAway


def record_of(error, name="celery.beat"):
    stack = "Message Error: %s\n%s"
    return logging.LogRecord(name, logging.ERROR, "", 0, stack, (error, "stack"), (type(error), error, None))


def test_a_missing_broker_is_said_in_one_line():
    record = record_of(RedisConnectionError("Connection refused"))

    assert ServerAway().filter(record)
    assert record.getMessage() == "the broker is away: Connection refused"
    assert record.exc_info is None


@pytest.mark.parametrize(
    ("cause", "words"), [(BusyLoadingError("loading"), "the broker is away: loading"), (KeyError("a"), None)]
)
def test_so_is_what_beat_makes_of_it(cause, words):
    error = SchedulingError("Couldn't apply scheduled task")
    error.__context__ = cause
    record = record_of(error)

    assert ServerAway().filter(record)
    assert (record.getMessage() == words) == (record.exc_info is None) == bool(words)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_missing_database_is_said_in_one_line(error):
    record = record_of(error("connection to server failed\n\tIs the server running?\n"))

    assert ServerAway().filter(record)
    assert record.getMessage() == "the database is away: connection to server failed Is the server running?"
    assert record.exc_info is None


def test_what_the_database_answered_itself_keeps_its_traceback():
    error = OperationalError("canceling statement due to statement timeout")
    error.__cause__ = type("Answered", (Exception,), {"pgcode": "57014"})()
    record = record_of(error)

    assert ServerAway().filter(record)
    assert record.exc_info


def test_any_other_error_keeps_its_traceback():
    record = record_of(ValueError("a bug"))

    assert ServerAway().filter(record)
    assert record.exc_info


def test_our_own_words_about_the_broker_are_left_alone():
    record = record_of(RedisConnectionError("Connection refused"), name="support.services")

    assert ServerAway().filter(record)
    assert record.exc_info
