"""Who may be to blame is looked up among all deployments of the installation: by index, however many there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deployments.models import Deployment
from monitoring.services import blaming, overlap
from tests.factories import DeploymentFactory
from tests.monitoring.worlds import at

pytestmark = pytest.mark.django_db


def plan_of(captured):
    """How the database would answer if reading a whole table were the last thing that it did."""
    (query,) = [row["sql"] for row in captured if 'FROM "deployments_deployment"' in row["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {query}")
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize(
    "look",
    [
        lambda judged: blaming._others(judged, at(-60), at(60)),
        lambda judged: overlap.cut_for_now(judged, at=at(60)),
    ],
)
def test_no_look_reads_all_deployments(look):
    judged = Deployment.objects.get(pk=DeploymentFactory(finished_at=at(0)).pk)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        look(judged)
    plan = plan_of(captured)
    assert "Seq Scan on deployments_deployment" not in plan, plan
