"""The picture of a rule is drawn whatever its numbers are."""

import pytest

from monitoring.templatetags.alerts import HEIGHT, _scale


@pytest.mark.parametrize("bounds", [(1e308, -1e308), (1e308, 1e308), (5e-324, 0.0), (0.0, 100.0)])
def test_the_ends_of_what_a_number_bears_have_a_height(bounds):
    scale = _scale(bounds, HEIGHT)
    assert all(0 <= scale(value) <= HEIGHT for value in bounds)
