"""How long the gate takes to answer: python -m bench.gate [deployments]

Requests go through the WSGI application of the product, in one process and one thread, against a database of thousands
of deployments whose verdicts have 40 findings with all their numbers. Counted is the time from the request's arrival
to the last byte of the answer, PostgreSQL's part included: what a server adds to the network.
"""

import io
import json
import sys
from collections.abc import Callable
from typing import Any

from bench.common import finish, milliseconds, percentile, servers, table

DEPLOYMENTS, FINDINGS, LOOKS = 3000, 40, 3
#: Verdicts of the newest deployments carry everything the judge says, those of the others the words only.
WITH_FACTS = 500
TIMES, ROUNDS = 100, 20
GOALS = {"200": 10.0, "304": 2.0}

Answer = tuple[str, dict[str, str], bytes]
#: Asks for the verdict of a deployment; with an ETag for a 304.
Ask = Callable[..., Answer]


def main() -> None:
    """Build, ask, tell."""
    deployments = int(sys.argv[1]) if len(sys.argv) > 1 else DEPLOYMENTS
    with servers(is_durable=False):
        token, decided, watching = build(deployments)
        ask = asker(token)
        taken = {f"{word}, {code}": times for word, deployment in (("decided", decided), ("watching", watching))
                 for code, times in measure(ask, deployment).items()}  # fmt: skip
        size, queries = len(ask(decided)[2]), queries_of(ask, decided)
    rows = [(what, *(f"{percentile(times, share):.2f}" for share in (0.5, 0.95)), f"{GOALS[what[-3:]]:g}")
            for what, times in taken.items()]  # fmt: skip
    markdown = (
        f"{deployments:,} deployments with two periods and {2 * LOOKS} looks each, {FINDINGS} findings a verdict; each"
        f" kind of question {TIMES} times in each of {ROUNDS} rounds, in milliseconds from the request to the last byte"
        f" of the answer, of the quietest round. The answer of a decided deployment has {size / 1000:.0f} kB and takes"
        f" {queries['200']} queries, a 304 takes"
        f" {queries['304']}.\n\n{table(['question', 'p50', 'p95', 'goal'], rows)}"
    )
    numbers = {f"{what} p{share}": round(percentile(times, share / 100), 3)
               for what, times in taken.items() for share in (50, 95)}  # fmt: skip
    finish("gate", "The gate", markdown, numbers | queries)


# --- asking -----------------------------------------------------------------------------------------------------------


def asker(token: str) -> Ask:
    """A client that calls the WSGI application as a server does."""
    from postdeploy.wsgi import application

    def ask(deployment: str, etag: str = "") -> Answer:
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": f"/api/v1/deployments/{deployment}/verdict",
            "QUERY_STRING": "until=initial", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "postdeploy.example.org",
            "HTTP_AUTHORIZATION": f"Bearer {token}", "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr, **({"HTTP_IF_NONE_MATCH": etag} if etag else {}),
        }  # fmt: skip
        answered: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Any:
            answered.update(status=status, headers=dict(headers))

        parts: Any = application(environ, start_response)
        body = b"".join(parts)
        parts.close()
        return answered["status"], answered["headers"], body

    return ask


def measure(ask: Ask, deployment: str) -> dict[str, list[float]]:
    """How long each question took, by the code of its answer; any other answer is an error."""
    status, headers, body = ask(deployment)
    assert status.startswith("200"), (status, body)
    assert len(json.loads(body)["findings"]) == FINDINGS
    etag = headers["ETag"]
    assert ask(deployment, etag)[0].startswith("304")
    return {
        "200": quietest(lambda: ask(deployment)),
        "304": quietest(lambda: ask(deployment, etag)),
    }


def quietest(work: Callable[[], Any]) -> list[float]:
    """The round in which the rest of the machine disturbed least, ascending."""
    return min((milliseconds(work, TIMES) for _ in range(ROUNDS)), key=lambda times: percentile(times, 0.95))


def queries_of(ask: Ask, deployment: str) -> dict[str, int]:
    """How many queries each answer takes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    etag = ask(deployment)[1]["ETag"]
    counts = {}
    for code, known in (("200", ""), ("304", etag)):
        with CaptureQueriesContext(connection) as queries:
            ask(deployment, known)
        counts[code] = len(queries)
    return counts


# --- the database -----------------------------------------------------------------------------------------------------


def build(count: int) -> tuple[str, str, str]:
    """Fill the database; return a token, a decided deployment and one under watch."""
    from django.db import connection
    from django.utils import timezone

    from deployments.models import ApiToken, Environment, Project
    from deployments.tokens import digest_of, new_token, shown_part

    project = Project.objects.create(name="Shop", slug="shop", issue_prefix="SHOP")
    environment = Environment.objects.create(project=project, name="production", tier="PRODUCTION")
    token = new_token()
    ApiToken.objects.create(project=project, name="pipeline", prefix=shown_part(token), digest=digest_of(token),
                            scopes=["deployments:read"], latest_use_at=timezone.now())  # fmt: skip
    found = facts()
    numbers = {
        "project": project.pk, "environment": environment.pk, "count": count, "looks": LOOKS, "findings": FINDINGS,
        "with_facts": WITH_FACTS, "decided": deployment_at(count // 2), "watching": deployment_at(count),
        "facts": json.dumps(found), "sentence": found["sentence"],
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (_DEPLOYMENTS, _PERIODS, _VERDICTS, _FINDINGS, "ANALYZE"):
            cursor.execute(statement, numbers)
    return token, deployment_at(count // 2), deployment_at(count)


def deployment_at(number: int) -> str:
    """The id of one deployment."""
    return f"00000000-0000-4000-8000-{number:012d}"


def facts() -> dict[str, Any]:
    """What the judge says of a metric that got worse, picture included."""
    import numpy as np

    from monitoring.judge.facts import MetricFacts, Series, Window
    from monitoring.judge.metric import judge_metric

    random = np.random.default_rng(1)
    times = np.arange(-14 * 1440, 61) * 60.0
    values = (300 + 40 * np.sin(times / 86_400 * 6.2832)) * np.exp(random.normal(0, 0.05, times.size))
    values[times > 0] *= 1.4
    series = Series(times.astype(float), values.astype(float))
    window = Window(opens_at=0, closes_at=3600, deployed_at=0, settle_seconds=120, looked_at=3600)
    metric = MetricFacts(key="metric:p95", name="Checkout p95", unit="ms")
    return judge_metric(series, series, metric, window).to_dict()


_DEPLOYMENTS = """
INSERT INTO deployments_deployment (id, project_id, environment_id, version, revision, kind, status, source, url,
    description, deployed_by, finished_at, occurred_at, reported_at, updated_at, report)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, %(project)s, %(environment)s, 'v' || n, '',
    'DEPLOY', 'SUCCEEDED', 'api', '', '', '', at, at, at, at, '{}'
FROM (SELECT n, now() - make_interval(hours => %(count)s - n, mins => 10) AS at FROM generate_series(1, %(count)s) n) t
"""
_PERIODS = """
INSERT INTO monitoring_monitoringperiod (deployment_id, environment_id, stage, opens_at, closes_at, status, ended_at,
    policy, interval_seconds, result, decided_at, next_look_at, looks_taken, created_at)
SELECT id, environment_id, stage, finished_at + later, finished_at + later + '1 h',
    CASE WHEN is_last THEN 'OPEN' ELSE 'CLOSED' END,
    CASE WHEN is_last THEN NULL ELSE finished_at + later + '1 h' END,
    '{"initial_seconds": 3600, "extended_seconds": 259200}', 15,
    CASE WHEN is_last THEN NULL ELSE 'DEGRADED' END,
    CASE WHEN is_last THEN NULL ELSE finished_at + later + '1 h' END,
    CASE WHEN is_last THEN now() + '20 min' ELSE NULL END, 3, finished_at
FROM (SELECT *, finished_at > now() - interval '30 min' AS is_last FROM deployments_deployment) d,
    (VALUES ('INITIAL', interval '0'), ('EXTENDED', interval '1 h')) AS stages (stage, later)
"""
_VERDICTS = """
INSERT INTO monitoring_verdict (period_id, looked_at, result, is_final, sentence, reasons, rule_version, inputs, blame)
SELECT id, opens_at + n * interval '5 min', 'DEGRADED', n = %(looks)s AND status = 'CLOSED',
    '1 of 40 metrics got worse, no limit was broken.', '[]', '8', '{}', '[]'
FROM monitoring_monitoringperiod, generate_series(1, %(looks)s) n
"""
_FINDINGS = """
INSERT INTO monitoring_finding (verdict_id, key, name, result, is_critical, sentence, position, facts)
SELECT v.id, 'metric:m' || n, 'Metric ' || n, CASE WHEN n = 1 THEN 'REGRESSED' ELSE 'UNCHANGED' END, false,
    %(sentence)s, n,
    CASE WHEN d.finished_at > now() - make_interval(hours => %(with_facts)s) OR d.id IN (%(decided)s, %(watching)s)
        THEN %(facts)s::jsonb ELSE '{}' END
FROM monitoring_verdict v JOIN monitoring_monitoringperiod p ON p.id = v.period_id
    JOIN deployments_deployment d ON d.id = p.deployment_id, generate_series(1, %(findings)s) n
WHERE v.is_final OR p.status = 'OPEN'
"""


if __name__ == "__main__":
    main()
