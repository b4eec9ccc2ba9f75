"""What the logs say while the broker is away."""

import logging

from redis.exceptions import ConnectionError as RedisConnectionError

from postdeploy.logs import BrokerAway


def record_of(error, name="celery.beat"):
    stack = "Message Error: %s\n%s"
    return logging.LogRecord(name, logging.ERROR, "", 0, stack, (error, "stack"), (type(error), error, None))


def test_a_missing_broker_is_said_in_one_line():
    record = record_of(RedisConnectionError("Connection refused"))

    assert BrokerAway().filter(record)
    assert record.getMessage() == "the broker is away: Connection refused"
    assert record.exc_info is None


def test_any_other_error_keeps_its_traceback():
    record = record_of(ValueError("a bug"))

    assert BrokerAway().filter(record)
    assert record.exc_info


def test_our_own_words_about_the_broker_are_left_alone():
    record = record_of(RedisConnectionError("Connection refused"), name="support.services")

    assert BrokerAway().filter(record)
    assert record.exc_info
