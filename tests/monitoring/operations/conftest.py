"""A target to fetch from, and the time."""

import pytest
from django.utils import timezone

from tests.targets import Target

TEXT = '# TYPE things_total counter\nthings_total{shop="a"} 5\nthings_total{shop="b"} 6\ngo_info 1\ntemperature NaN\n'


@pytest.fixture
def target(settings):
    settings.PROBE_NETWORKS = ["127.0.0.1/32"]
    with Target() as found:
        found.set("/metrics", body=TEXT)
        yield found


@pytest.fixture
def now():
    return timezone.now()
