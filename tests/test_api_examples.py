"""The examples of docs/api.md, sent one after the other; each is answered as the document says."""

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from reports.tasks import summarise_deployments
from tests import factories

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "api.md"
EXAMPLE = re.compile(
    r"^```http\n(?P<verb>[A-Z]+) (?P<path>\S+)\n(?:\n(?P<body>.*?))?```\n+Answers `(?P<status>\d+)`"
    r"(?P<rest>[^\n]*)\n(?:\n```json\n(?P<answer>.*?)```)?",
    re.MULTILINE | re.DOTALL,
)


def examples():
    return list(EXAMPLE.finditer(DOCUMENT.read_text()))


def assert_has(actual, shown, where=""):
    """The answer has every member that the document shows, of the same kind; plain words and numbers are equal."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert name in actual, f"{where}/{name} is not in the answer: {sorted(actual)}"
            assert_has(actual[name], value, f"{where}/{name}")
    elif isinstance(shown, list):
        assert len(actual) >= len(shown), where
        for place, value in enumerate(shown):
            assert_has(actual[place], value, f"{where}/{place}")
    elif not changes_every_time(shown):
        assert actual == shown, where


def changes_every_time(shown):
    return isinstance(shown, str) and bool(
        re.search(r"…|\d{4}-\d\d-\d\dT|[0-9a-f]{8}-[0-9a-f]{4}|^https://deploys", shown)
    )


@pytest.mark.django_db(transaction=True)
def test_every_example_is_answered_as_the_document_says():
    project = factories.ProjectFactory(name="Shop", slug="shop", issue_prefix="SHOP")
    token = factories.ApiTokenFactory(project=project)
    client = Client(headers={"Authorization": f"Bearer {token.text}"})
    known = {}
    for example in examples():
        path, body = (
            re.sub(r"\{(\w+)\}", lambda match: str(known[match[1]]), text or "")
            for text in (example["path"], example["body"])
        )
        if "summary" in path:
            summarise_deployments()
        response = client.generic(example["verb"], path, body, content_type="application/json")
        assert response.status_code == int(example["status"]), (path, response.content)
        answer = response.json() if "json" in response.get("Content-Type", "") else {}
        if example["answer"]:
            assert_has(answer, json.loads(example["answer"]), path)
        if "Retry-After" in example["rest"]:
            assert int(response["Retry-After"]) > 0
        if isinstance(answer.get("id"), int):  # of checks, rules, objectives and maintenance
            known[path.split("/")[3].removesuffix("s")] = answer["id"]
        if "reference" in answer:
            known["reference"] = answer["reference"]
        elif "verdict_url" in answer:
            known["id"] = answer["id"]
            if answer["status"] == "succeeded":
                known["finished"] = answer["id"]


def test_the_document_has_no_example_that_is_not_run():
    assert len(examples()) == DOCUMENT.read_text().count("```http")
    assert len(examples()) > 15
