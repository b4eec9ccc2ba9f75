"""Whatever is sent, no operation answers 5xx, and every answer is one that the description knows."""

import os
from urllib.parse import parse_qs, urlsplit

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from postdeploy.api_docs import openapi
from tests.factories import ApiTokenFactory, DeploymentFactory, EnvironmentFactory, IssueFactory


@schemathesis.serializer("application/x-protobuf", "application/octet-stream")
def as_bytes(context, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", 10))


def wrong_data_is_refused(context, response, case):
    """Schemathesis does not count 413 as a refusal of what is wrong in other ways too, nor what was never sent."""
    if response.status_code == 413 or not is_wrong_as_sent(response, case):
        return None
    return negative_data_rejection(context, response, case)


def is_wrong_as_sent(response, case):
    """Some of what is wrong is lost on the way: a parameter that is null, another token; bytes may be any."""
    wrong = {place for place, part in case.meta.components.items() if part.mode.is_negative}
    lost = {ParameterLocation.BODY} if case.media_type == "application/x-protobuf" else set()
    if set(case.query or {}) - set(parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)):
        lost.add(ParameterLocation.QUERY)
    if not {parameter.name for parameter in case.operation.headers} - {"Authorization"}:
        lost.add(ParameterLocation.HEADER)
    return bool(wrong - lost)


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    wrong_data_is_refused,
]
OPERATIONS = [(method.upper(), path) for path, methods in openapi()["paths"].items() for method in methods]


APPLICATION = WSGIHandler()


@pytest.fixture
def open_connection(db):
    """The end of a request closes the connection that the test's transaction needs; Django's own client minds that."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def described(open_connection):
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", APPLICATION)


@pytest.fixture
def stage(db):
    """A token, and a deployment and an issue that it may use."""
    token = ApiTokenFactory(project__slug="shop", project__issue_prefix="SHOP")
    deployment = DeploymentFactory(environment=EnvironmentFactory(project=token.project), status="RUNNING")
    issue = IssueFactory(project=token.project)
    return token, {"deployment": str(deployment.pk), "issue": issue.reference}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[" ".join(one) for one in OPERATIONS])
def test_no_input_breaks_an_operation(method, path, mode, described, stage):
    token, known = stage
    parameters = {name: value for name, value in known.items() if f"{{{name}}}" in path}
    operation = described[path][method]

    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=parameters or None))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case):
        case.call_and_validate(headers={"Authorization": f"Bearer {token.text}"}, checks=CHECKS)

    run()
