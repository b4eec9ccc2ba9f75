import pytest
from django.db import OperationalError, connection, transaction

from postdeploy.lib.sweeps import each

pytestmark = pytest.mark.django_db


def test_it_counts_what_was_done():
    assert each([1, 2, 3], lambda row: row != 2, name="sweep") == 2


def test_a_row_that_raises_is_left_and_the_others_are_done(caplog):
    done = []

    def work(row):
        if row == 1:
            raise ValueError("bad row")
        done.append(row)
        return True

    assert each([1, 2], work, name="open_issues") == 1
    assert done == [2]
    assert "open_issues: left for the next run: 1" in caplog.text


def test_a_row_that_waits_too_long_for_its_lock_is_one_bad_row():
    def work(row):
        with transaction.atomic(), connection.cursor() as cursor:
            if row == 1:
                cursor.execute("SET LOCAL statement_timeout = 20")
                cursor.execute("SELECT pg_sleep(5)")
        return True

    assert each([1, 2], work, name="sweep") == 1


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_ends_the_run():
    seen = []

    def work(row):
        seen.append(row)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(OperationalError):
        each([1, 2], work, name="sweep")
    connection.close()
    assert seen == [1]
