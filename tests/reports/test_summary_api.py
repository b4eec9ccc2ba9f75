"""The Deployment Summary over REST: three formats, one ETag for the same content, a sentence when it is absent."""

import hashlib
import json

import jsonschema
import pytest
from django.test import Client

from reports import services
from reports.exports import html
from reports.exports.json import read
from reports.exports.schema import schema
from tests.factories import ApiTokenFactory, DeploymentFactory
from tests.reports.world import NOW, rollback_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    world = rollback_world()
    services.summarise_deployments(now=NOW)
    return world


@pytest.fixture
def client(world):
    return client_for(world.project)


def client_for(project, **fields):
    token = ApiTokenFactory(project=project, **fields)
    return Client(headers={"Authorization": f"Bearer {token.text}"}, raise_request_exception=False)


def address(deployment, ending="md"):
    return f"/api/v1/deployments/{deployment.pk}/summary.{ending}"


@pytest.mark.parametrize(
    ("ending", "media_type", "opening"),
    [
        ("md", "text/markdown; charset=utf-8; variant=GFM", b"# Deployment Summary\n"),
        ("html", "text/html; charset=utf-8", b"<!doctype html>"),
        ("json", "application/json", b'{\n  "schema_version": 3,'),
    ],
)
def test_each_format_is_served_as_what_it_is(client, world, ending, media_type, opening):
    response = client.get(address(world.bad, ending))
    assert response.status_code == 200
    assert response["Content-Type"] == media_type
    assert response.content.startswith(opening)
    assert response["Content-Disposition"] == f'inline; filename="shop-v1.42.0-summary.{ending}"'
    assert response["X-Content-Type-Options"] == "nosniff"


def test_the_json_is_the_record_and_fits_its_schema(client, world):
    response = client.get(address(world.bad, "json"))
    assert read(response.content).version == "v1.42.0"
    jsonschema.Draft202012Validator(schema()).validate(json.loads(response.content))


@pytest.mark.parametrize("ending", ["md", "html", "json"])
def test_a_caller_who_has_it_gets_304(client, world, ending):
    first = client.get(address(world.bad, ending))
    again = client.get(address(world.bad, ending), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert client.get(address(world.bad, ending)).content == first.content


def test_the_etag_changes_with_the_content(client, world):
    before = client.get(address(world.bad))["ETag"]
    services.write_lesson(deployment=world.bad, category="CHALLENGES", text="x", author=None, now=NOW)
    services.summarise_deployments(now=NOW)
    after = client.get(address(world.bad), headers={"If-None-Match": before})
    assert (after.status_code, after["ETag"] != before) == (200, True)


def test_an_older_version_stays_to_be_had(client, world):
    first = client.get(address(world.bad)).content
    services.write_lesson(deployment=world.bad, category="CHALLENGES", text="x", author=None, now=NOW)
    services.summarise_deployments(now=NOW)
    assert client.get(address(world.bad), {"version": 1}).content == first
    assert client.get(address(world.bad)).content != first


def test_the_html_may_use_its_own_style_and_nothing_else(client, world):
    policy = client.get(address(world.bad, "html"))["Content-Security-Policy"]
    assert html.style_source() in policy
    assert "unsafe" not in policy
    assert "sha256" not in client.get(address(world.bad, "md"))["Content-Security-Policy"]


def problem(response, status, code):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code
    return response.json()["detail"]


def test_a_deployment_that_has_not_ended_says_when_it_will_be_there(client, world):
    running = DeploymentFactory(environment=world.production, status="RUNNING", finished_at=None)
    assert "within seconds of its end" in problem(client.get(address(running)), 404, "not_ended")


def test_one_that_has_just_ended_says_when_to_ask_again(client, world):
    response = client.get(address(DeploymentFactory(environment=world.production)))
    assert "5 seconds" in problem(response, 404, "being_written")
    assert response["Retry-After"] == "5"


def test_a_version_that_is_not_there_names_the_newest(client, world):
    assert "the newest is 1" in problem(client.get(address(world.bad), {"version": 7}), 404, "no_such_version")


@pytest.mark.parametrize("version", ["0", "-1", "x", "99999999999999999999", ""])
def test_a_version_that_cannot_be_is_refused_by_name(client, world, version):
    response = client.get(address(world.bad), {"version": version})
    assert response.status_code == 400
    assert response.json()["errors"][0]["parameter"] == "version"


def test_a_foreign_deployment_is_not_there(client):
    foreign = DeploymentFactory()
    services.summarise_deployments(now=NOW)
    problem(client.get(address(foreign)), 404, "not_found")


def test_it_takes_the_scope_for_reports(world):
    client = client_for(world.project, scopes=["deployments:read", "deployments:write"])
    assert "reports:read" in problem(client.get(address(world.bad)), 403, "missing_scope")
    assert client_for(world.project, scopes=["reports:read"]).get(address(world.bad)).status_code == 200


def test_without_a_token_it_is_401(world):
    assert Client().get(address(world.bad)).status_code == 401


def test_nothing_can_be_posted(client, world):
    assert client.post(address(world.bad), {}, content_type="application/json").status_code == 405


def test_an_odd_name_makes_a_harmless_file_name(world):
    odd = DeploymentFactory(environment=world.production, version='../"é\r\nX: y/.. ')
    services.summarise_deployments(now=NOW)
    response = client_for(world.project).get(address(odd))
    assert response.status_code == 200
    assert response["Content-Disposition"].isascii()
    assert not set(response["Content-Disposition"]) & set("/\r\n")


def test_the_etag_is_of_the_bytes(client, world):
    response = client.get(address(world.bad))
    assert response["ETag"].strip('"') == hashlib.sha256(response.content).hexdigest()[:32]
