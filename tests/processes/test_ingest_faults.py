"""Samples come in while the parts of an installation are frozen and killed: what was answered 2xx is there, once."""

import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.request

import pytest

from deployments.tokens import digest_of, new_token, shown_part
from postdeploy import embedded
from tests.installation import Installation
from tests.prepared import copy_prepared
from tests.waiting import until

pytestmark = [pytest.mark.processes]

BATCH = 20
FIRST_MS = int(time.time() * 1000) - 3_600_000
COUNTED = """
    SELECT (SELECT coalesce(sum(count), 0) FROM monitoring_samplebatch)
         + (SELECT coalesce(sum(count), 0) FROM monitoring_samplerun)
         + (SELECT coalesce(sum(count), 0) FROM monitoring_hourchunk)
         + (SELECT coalesce(sum(count), 0) FROM monitoring_daychunk)
"""


class Sender:
    """Sends batches, each under a key, and tries again as a good sender does; keeps how long each answer took."""

    def __init__(self, installation):
        self.installation, self.token = installation, new_token()
        self.batches, self.refusals, self.seconds = 0, 0, []
        installation.sql(
            "INSERT INTO deployments_project (name, slug, issue_prefix, description, created_at)"
            " VALUES ('Ledger', 'ledger', 'LEDGER', '', now())"
        )
        installation.sql(
            "INSERT INTO deployments_apitoken (project_id, name, prefix, digest, scopes, created_at)"
            f" SELECT id, 'sender', '{shown_part(self.token)}', '{digest_of(self.token)}', '{{metrics:write}}', now()"
            " FROM deployments_project WHERE slug = 'ledger'"
        )

    def send(self):
        """Send the next batch until it is taken."""
        first = FIRST_MS + self.batches * BATCH
        body = {
            "environment": "production",
            "series": [{"metric": "orders"}],
            "of": [0] * BATCH,
            "at": list(range(first, first + BATCH)),
            "value": list(range(BATCH)),
        }
        until(lambda: self.is_taken(json.dumps(body).encode()), 60, "the batch to be taken")
        self.batches += 1

    def is_taken(self, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.installation.port}/api/v1/metrics",
            body,
            {
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": f"batch-{self.batches}",
            },
        )
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 202
        except urllib.error.HTTPError as error:
            if error.code not in (409, 503):
                raise
            self.refusals += 1
            return False
        except OSError:
            self.refusals += 1
            return False
        self.seconds.append(time.monotonic() - began)
        return True

    @property
    def samples(self):
        return self.batches * BATCH


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    var = tmp_path_factory.mktemp("ledger") / "var"
    copy_prepared(var)
    started = Installation(var).wait_until_up()
    yield started
    started.process.kill()
    started.process.wait()
    until(lambda: not started.processes(), what="all to be gone")
    shutil.rmtree(embedded.socket_directory(started.var), ignore_errors=True)


@pytest.fixture(scope="module")
def sender(installation):
    return Sender(installation)


def stored(installation):
    return int(installation.sql(COUNTED)[0][0])


def test_a_frozen_broker_does_not_hold_up_a_sample(installation, sender):
    sender.send()
    pid = installation.pid_of("valkey-server")
    sender.seconds.clear()
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(30):
            sender.send()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert sender.refusals == 0
    assert max(sender.seconds) < 1
    assert stored(installation) == sender.samples


@pytest.mark.parametrize("word", ["valkey-server", "granian", "/bin/postgres"])
def test_whatever_is_killed_nothing_that_was_answered_is_lost_or_doubled(installation, sender, word):
    before = installation.processes()
    for _ in range(5):
        sender.send()
    installation.kill(word)
    for _ in range(20):
        sender.send()
    until(lambda: installation.has_another(word, before), 60, f"{word} to be back")
    sender.send()
    until(installation.has_database, 30, "the database")
    assert stored(installation) == sender.samples


def test_while_the_database_is_away_a_request_is_503_and_one_line_of_the_log(installation, sender):
    from_here = len(installation.text)
    installation.kill("/bin/postgres")
    until(lambda: status(installation, "/api/v1/checks") == 503, 10, "the answer while the database is away")
    until(installation.has_database, 30, "the database")
    until(lambda: status(installation, "/api/v1/checks") == 401, 30, "the answer afterwards")
    told = [line for line in installation.text[from_here:].splitlines() if line.startswith("web ")]
    assert any("database away" in line for line in told)
    assert not [line for line in told if "Traceback" in line or " File " in line]


def status(installation, path):
    url = f"http://127.0.0.1:{installation.port}{path}"
    headers = {"Authorization": f"Bearer {new_token()}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
