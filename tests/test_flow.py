"""The whole flow, alive: `manage.py up` and a real service, driven only over HTTP, with parts killed in the middle.

Version 1 does well, version 2 answers slowly and with errors. Whatever is killed meanwhile, it ends the same.
"""

import json
import re
import shutil
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass

import pytest
import redis
import standardwebhooks

from postdeploy import embedded
from tests.installation import Installation
from tests.person import Person
from tests.prepared import copy_prepared
from tests.targets import Target
from tests.waiting import until

pytestmark = pytest.mark.processes

POLICY = {
    "initial_seconds": "15 s",
    "initial_interval_seconds": "1 s",
    "extended_seconds": "20 s",
    "extended_interval_seconds": "1 s",
    "settle_seconds": "1 s",
    "baseline_seconds": "10 min",
}
CHANGES = {
    "system_changes": [{"component": "checkout", "description": "Address lookup | while typing", "status": "done"}],
    "configuration_changes": [
        {"setting": "LOOKUP", "old_value": "off", "value": "on", "purpose": "Fewer wrong addresses"},
        {"setting": "LOOKUP_KEY", "value": "hunter2-hunter2", "purpose": "Signs in", "secret": True},
    ],
}
SCOPES = ["deployments:write", "deployments:read", "reports:read"]


class Pipeline:
    """A CI pipeline with its token."""

    def __init__(self, site, token):
        self.site, self.token = site, token

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.site}/api/v1{path}", data=data)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read().decode()

    def get(self, path):
        return json.loads(self.ask(path))

    def post(self, path, body):
        return json.loads(self.ask(path, body))

    def patient_get(self, path):
        """What the address answers; None while the installation is busy coming back."""
        try:
            return self.get(path)
        except OSError:
            return None

    def start(self, version):
        report = {"project": "shop", "environment": "production", "version": version, "status": "running"}
        return self.post("/deployments", {**report, "source": "ci", "external_id": version, **CHANGES})["id"]

    def finish(self, deployment):
        return self.post(f"/deployments/{deployment}/finish", {"status": "succeeded"})

    def verdict(self, deployment, seconds=60):
        def decided():
            verdict = self.patient_get(f"/deployments/{deployment}/verdict?until=initial")
            return verdict if verdict and verdict["state"] not in ("pending", "watching") else None

        return until(decided, seconds, "the verdict")

    def issue(self):
        """The only issue of the log, in full."""
        [issue] = self.get("/issues?project=shop")["items"]
        return self.get(f"/issues/{issue['reference']}")


@dataclass
class Stage:
    """A service that is deployed, a sink for notifications, and the installation that watches."""

    installation: Installation
    person: Person
    service: Target
    sink: Target
    pipeline: Pipeline
    secret: str

    def messages(self):
        return [request for request in self.sink.requests if request.path == "/hooks"]

    def kinds(self):
        return Counter(message.json()["type"] for message in self.messages())

    def told(self, kind):
        return until(lambda: self.kinds()[kind], 60, f"the notification {kind}")


def set_up(person, service, sink):
    """What a maintainer does in the browser before the first deployment; return the token and the signing secret."""
    person.submit("/projects/new/", name="Shop", slug="shop", issue_prefix="SHOP")
    person.submit("/p/shop/settings/environments/new/", name="production", tier="PRODUCTION")
    set_policy(person, **POLICY)
    for name in ("checkout", "search"):
        url, every = f"{service.url}/{name}", "1 s"
        page = person.submit(
            "/p/shop/checks/new/", name=name.capitalize(), target=url, interval_seconds=every, failure_threshold=2
        )
        assert "/checks/new/" not in page.url, page.text
    tiers = person.open("/p/shop/settings/support/").form_with("rules-CRITICAL")
    clock = min(name for name in tiers.names if name.endswith("-clock_seconds"))
    person.submit("/p/shop/settings/support/", **{clock: "5 s"})
    page = person.submit(
        "/p/shop/settings/support/channels/new/", kind="WEBHOOK", name="Sink", address=f"{sink.url}/hooks"
    )
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page.text)[0]
    page = person.submit("/p/shop/settings/tokens/", name="CI", scopes=SCOPES)
    return re.search(r"pd_[\w-]{43}", page.text)[0], secret


def set_policy(person, **values):
    address = "/p/shop/settings/watching/"
    prefix = re.search(r'name="(environment-\d+-)initial_seconds"', person.open(address).text)[1]
    person.submit(address, **{prefix + name: value for name, value in values.items()})


@pytest.fixture
def stage(tmp_path):
    with Target() as service, Target() as sink:
        password = copy_prepared(tmp_path / "var")
        installation = Installation(tmp_path / "var", PROBE_NETWORKS="127.0.0.1/32")
        try:
            site = f"http://127.0.0.1:{installation.wait_until_up().port}"
            person = Person(site).sign_in("admin", password)
            token, secret = set_up(person, service, sink)
            yield Stage(installation, person, service, sink, Pipeline(site, token), secret)
        finally:
            assert installation.stop() == 0


def nothing(stage):
    """Leave everything running."""


def kill_worker(stage):
    """Kill the worker in the middle of what it does; it holds leases and unacknowledged messages."""
    stage.installation.kill("celery --quiet -A postdeploy worker")
    stage.installation.line(r"worker ended \(signal 9\)")


def empty_valkey(stage):
    """Kill Valkey and let it come back with nothing that it had."""
    var = stage.installation.var
    stage.installation.kill("valkey-server")
    for kept in (var / "valkey").iterdir():
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink(missing_ok=True)
    stage.installation.line(r"valkey ended")
    client = redis.Redis.from_url(embedded.redis_url(var))

    def is_empty():
        try:
            return client.flushall()
        except redis.RedisError:
            return False

    until(is_empty, 30, "Valkey to come back")


@pytest.mark.parametrize("disturb", [nothing, kill_worker, empty_valkey])
def test_a_good_version_is_cleared_and_a_bad_one_is_told_escalated_and_written_down(stage, disturb):
    pipeline = stage.pipeline
    good = deploy(stage, "1.0.0")
    assert pipeline.verdict(good)["state"] == "healthy"
    stage.told("verdict.reached")

    set_policy(stage.person, initial_seconds="5 min")
    bad = pipeline.start("2.0.0")
    stage.service.set("/checkout", status=500, body="address lookup timed out", delay=0.3)
    pipeline.finish(bad)
    disturb(stage)

    verdict = pipeline.verdict(bad)
    assert verdict["state"] in ("failed", "degraded")
    if disturb is empty_valkey:
        assert "worker ended" not in stage.installation.text
    assert "Checkout" in verdict["sentence"]
    stage.told("issue.escalated")
    check_issue(pipeline.issue(), bad)
    check_notifications(stage)
    pipeline.post(f"/deployments/{bad}/rollback", {"status": "succeeded"})
    check_summaries(stage, good, bad)


def deploy(stage, version):
    deployment = stage.pipeline.start(version)
    stage.pipeline.finish(deployment)
    return deployment


def check_issue(issue, deployment):
    assert issue["severity"] == "critical"
    assert issue["tier"] == "L2"
    assert issue["deployment"] == deployment
    kinds = Counter(event["kind"] for event in issue["events"])
    assert (kinds["opened"], kinds["routed"], kinds["escalated"]) == (1, 1, 1)


def check_notifications(stage):
    """Each message once, and each signed so that the receiver's library takes it."""
    messages = stage.messages()
    receiver = standardwebhooks.Webhook(stage.secret)
    for message in messages:
        receiver.verify(message.body, message.headers)
    ids = [message.headers["webhook-id"] for message in messages]
    assert len(ids) == len(set(ids))
    assert (stage.kinds()["issue.assigned"], stage.kinds()["issue.escalated"]) == (1, 1)


def check_summaries(stage, good, bad):
    pipeline = stage.pipeline
    record = until(lambda: complete(pipeline, good), 60, "the summary of the good version")
    assert record["implementation"]["status"] == "Success"
    record = until(lambda: complete(pipeline, bad), 60, "the summary of the bad version")
    [outstanding] = record["issues"]["outstanding"]
    assert outstanding["issue"].startswith("SHOP-1 Checkout is down")
    assert [(step["from_tier"], step["to_tier"]) for step in record["escalations"]] == [("L1", "L2")]
    for form in ("md", "html", "json"):
        text = pipeline.ask(f"/deployments/{bad}/summary.{form}").replace("\\_", "_")  # as Markdown escapes it
        for words in ("2.0.0", "checkout", "Address lookup", "LOOKUP_KEY", "SHOP-1"):
            assert words in text, f"{words} is missing in summary.{form}"
        assert "hunter2" not in text


def complete(pipeline, deployment):
    """The record, once the watch has ended and all that happened stands in it."""
    try:
        record = pipeline.get(f"/deployments/{deployment}/summary.json")
    except urllib.error.HTTPError:
        return None
    return record if all(stage["ended_at"] for stage in record["verdict"]["stages"]) else None
