"""A story costs the same number of queries however long it is."""

import pytest

from deployments.models import Deployment, DeploymentEvent, SystemChange
from issues.models import IssueEvent
from reports.selectors import deployment_story, summary_record
from support.models import Assignment
from tests.factories import FindingFactory, IssueFactory, LessonFactory, OutageFactory, VerdictFactory
from tests.reports.world import MINUTE, NOW, at, rollback_world

pytestmark = pytest.mark.django_db


def lengthen(world, rows):
    for n in range(rows):
        moment = at(9, 20) + n * MINUTE
        LessonFactory(deployment=world.bad)
        SystemChange.objects.create(deployment=world.bad, component=f"c{n}")
        DeploymentEvent.objects.create(deployment=world.bad, status="SUCCEEDED", occurred_at=moment, is_applied=False)
        OutageFactory(health_check=world.checkout, began_at=moment, ended_at=moment + MINUTE)
        VerdictFactory(period=world.initial, looked_at=moment, result="DEGRADED" if n % 2 else None)
        FindingFactory(verdict=world.verdict)
        issue = IssueFactory(project=world.project, deployment=world.bad, number=1000 + n)
        IssueEvent.objects.create(issue=issue, kind="COMMENTED", occurred_at=moment, actor=world.aylin, text="x")
        Assignment.objects.create(issue=issue, tier=world.tiers[1], reason="ROUTED", started_at=moment)


def count(world, django_assert_max_num_queries):
    deployment = Deployment.objects.select_related("project", "environment").get(pk=world.bad.pk)
    with django_assert_max_num_queries(19) as seen:
        summary_record(deployment_story(deployment, NOW))
    return len(seen)


def test_of_what_happened_at_one_moment_the_later_row_is_told_above():
    world = rollback_world()
    for pk in (9, 10):
        LessonFactory(pk=pk, deployment=world.bad, created_at=NOW)
    told = deployment_story(Deployment.objects.get(pk=world.bad.pk), NOW).happenings
    assert [row.key for row in told[:2]] == ["lesson-10", "lesson-9"]


def test_a_long_story_costs_as_many_queries_as_a_short_one(django_assert_max_num_queries):
    world = rollback_world()
    short = count(world, django_assert_max_num_queries)
    lengthen(world, 30)
    assert count(world, django_assert_max_num_queries) == short
