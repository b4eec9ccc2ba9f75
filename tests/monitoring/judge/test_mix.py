"""A change of a whole, taken apart into its parts and their shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.judge.mix import Part, take_apart, told


def mix_of(*rows):
    return take_apart([Part(*row) for row in rows])


def words(mix, change, **how):
    return told(mix, change, **{"noun": "route", "counts_traffic": True, "is_any_worse": False} | how)


SHIFTED = (("/", 100, 100, 880, 690), ("/export", 900, 900, 120, 310))


def test_a_shift_to_a_slow_route_lies_between_the_parts():
    mix = mix_of(*SHIFTED)
    assert (mix.within, mix.between) == (0, pytest.approx(152))
    assert mix.explains(152)
    assert words(mix, 152) == (
        "Most of the rise is more traffic on /export (12\u00a0% → 31\u00a0%); no route got worse."
    )


def test_routes_that_got_slower_lie_within():
    mix = mix_of(("/", 100, 150, 880, 880), ("/export", 900, 1350, 120, 120))
    assert mix.between == pytest.approx(0)
    assert not mix.explains(mix.total)
    assert words(mix, mix.total).startswith("The rise is in the routes themselves")


def test_where_one_part_brought_most_of_it_it_is_named():
    mix = mix_of(("/", 100, 100, 880, 880), ("/export", 900, 1800, 120, 120))
    assert words(mix, mix.total) == "The rise is in the routes themselves, most of it in /export."


def test_both_together_add_up_to_the_change_with_nothing_left_over():
    mix = mix_of(("/", 100, 130, 900, 600), ("/export", 900, 800, 120, 300), ("/login", 50, 70, 40, 90))
    before = (100 * 900 + 900 * 120 + 50 * 40) / 1060
    after = (130 * 600 + 800 * 300 + 70 * 90) / 990
    assert mix.total == pytest.approx(after - before)
    assert sum(part.within + part.between for part in mix.parts) == pytest.approx(after - before)


@given(
    st.lists(
        st.tuples(*[st.floats(0, 1e6) for _ in range(2)], *[st.floats(0, 1e9) for _ in range(2)]),
        min_size=2,
        max_size=9,
    )
)
def test_it_adds_up_for_any_parts(rows):
    mix = mix_of(*((str(place), *row) for place, row in enumerate(rows)))
    volumes = [sum(column) for column in list(zip(*rows, strict=True))[2:]]
    if mix is None:
        assert 0 in volumes
        return
    before = sum(row[0] * (row[2] / volumes[0]) for row in rows)
    after = sum(row[1] * (row[3] / volumes[1]) for row in rows)
    # a part without volume has its value beside it on one side, and no share on the other
    assert mix.total == pytest.approx(after - before, abs=1e-6 * max(1.0, before, after))


def test_more_traffic_on_a_fast_route_explains_a_fall():
    mix = mix_of(("/", 100, 100, 500, 900), ("/export", 900, 900, 500, 100))
    assert words(mix, mix.total).startswith("Most of the fall is ")


def test_less_of_a_fast_part_is_said_so_when_that_is_what_moved_most():
    mix = mix_of(("fast", 10, 10, 80, 20), ("a", 100, 100, 10, 40), ("b", 100, 100, 10, 40))
    assert words(mix, mix.total, counts_traffic=False, noun="region") == (
        "Most of the rise is a smaller share of fast (80\u00a0% → 20\u00a0%); no region got worse."
    )


def test_a_part_that_is_new_cannot_clear_the_whole():
    mix = mix_of(("/", 100, 100, 900, 500), ("/new", None, 900, 0, 400))
    assert mix.between == pytest.approx(mix.total)
    assert [part.is_new for part in mix.parts if part.name == "/new"] == [True]
    assert not mix.explains(mix.total)


def test_a_part_that_is_gone_cannot_either():
    mix = mix_of(("/", 100, 100, 500, 900), ("/slow", 900, None, 400, 0))
    assert [part.is_gone for part in mix.parts if part.name == "/slow"] == [True]
    assert not mix.explains(mix.total)


def test_parts_without_any_value_are_no_parts():
    assert mix_of(("/", 100, 120, 500, 500), ("/never", None, None, 0, 0)) is None


@pytest.mark.parametrize("volumes", [(0, 0), (0, 5), (5, 0), (-3, 5)])
def test_nothing_is_said_where_nothing_was_counted(volumes):
    assert mix_of(("/", 1, 2, *volumes), ("/export", 1, 2, *volumes)) is None


def test_parts_that_do_not_account_for_the_whole_explain_nothing():
    mix = mix_of(*SHIFTED)
    assert not mix.fits(400)
    assert not mix.explains(400)
    assert words(mix, 400) == ""
    assert not mix.explains(-152)
    assert not mix.fits(0)


def test_a_shift_that_is_outweighed_by_faster_routes_is_no_explanation_of_a_fall():
    mix = mix_of(("/", 100, 50, 880, 690), ("/export", 900, 200, 120, 310))
    assert mix.total < 0 < mix.between
    assert not mix.explains(mix.total)


def test_as_json_it_holds_no_more_than_twenty_parts_the_largest_first():
    mix = mix_of(*((str(n), 100, 100 + n, 10, 10) for n in range(30)))
    data = mix.to_dict()
    assert set(data) == {"within", "between", "parts"}
    assert [part["name"] for part in data["parts"]][:2] == ["29", "28"]
    assert len(data["parts"]) == 20
