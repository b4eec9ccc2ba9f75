"""Numbers in the judge's sentences."""

import pytest

from monitoring.judge import phrases

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(310.0, 450.0, f"310 → 450{NBSP}ms"), (6.66e-16, 3.5, f"0 → 3.5{NBSP}ms"), (3.5, -1e-17, f"3.5 → 0{NBSP}ms"),
     (1e-12, 2e-12, f"1.00e−12 → 2.00e−12{NBSP}ms"), (0.0, 0.0, f"0 → 0{NBSP}ms")],
)  # fmt: skip
def test_what_is_nothing_beside_the_other_is_told_as_nothing(before, after, expected):
    assert phrases.pair(before, after, "ms") == expected


@pytest.mark.parametrize(
    ("numbers", "unit", "expected"),
    [
        ((310.0, 450.0, 96.0, 180.0), "ms", f"+45{NBSP}%, between +31 and +58{NBSP}%"),
        ((7.0, 8.0, 1.0, 1.0), "ms", f"+14{NBSP}%"),
        ((0.0, 3.5, 3.5, 3.5), "", "+3.5"),
        ((10.0, 80.0, 70.0, 70.0), "ms", "8 times as high"),
        ((0.12, 0.94, 0.82, 0.82), "%", f"+0.82{NBSP}points"),
    ],
)
def test_an_interval_without_width_is_not_told(numbers, unit, expected):
    assert phrases.change(*numbers, unit) == expected
