"""The issue log."""

from tests.api_examples.registry import Request, example
from tests.factories import (
    IssueFactory,
)


@example("open_issue", 201)
def open_issue(project):
    return Request("/issues", {"project": "shop", "title": "Checkout is slow", "severity": "major"})


@example("open_issue", 404)
def open_issue_elsewhere(project):
    return Request("/issues", {**open_issue(project).body, "project": "nothing"})


@example("list_issues", 200)
def list_issues(project):
    IssueFactory(project=project)
    return Request("/issues", query="status=open")


@example("list_issues", 404)
def list_issues_elsewhere(project):
    return Request("/issues", query="project=nothing")


@example("get_issue", 200)
def get_issue(project):
    return Request(f"/issues/{IssueFactory(project=project, impact='One in ten cannot pay').reference}")


@example("get_issue", 404)
def get_no_issue(project):
    return Request("/issues/SHOP-9999")


@example("comment_issue", 201)
def comment_issue(project):
    return Request(f"{get_issue(project).path}/comments", {"text": "Looking at it."})


@example("comment_issue", 404)
def comment_no_issue(project):
    return Request("/issues/SHOP-9999/comments", {"text": "Looking at it."})


@example("move_issue", 200)
def move_issue(project):
    return Request(f"{get_issue(project).path}/move", {"status": "assessed"})


@example("move_issue", 404)
def move_no_issue(project):
    return Request("/issues/SHOP-9999/move", {"status": "assessed"})


@example("move_issue", 409)
def move_issue_too_late(project):
    return Request(f"{get_issue(project).path}/move", {"status": "assessed", "revision": 999})
