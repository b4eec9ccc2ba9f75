"""Long lists in sheets."""

import pytest

from postdeploy.lib.sheets import sheet_of

ROWS = list(range(105))


def test_a_sheet_knows_where_it_lies():
    sheet = sheet_of(ROWS, "2", 50)
    assert (list(sheet.rows), sheet.first, sheet.last, sheet.total) == (ROWS[50:100], 51, 100, 105)
    assert (sheet.before, sheet.after) == (1, 3)
    last = sheet_of(ROWS, "3", 50)
    assert (last.first, last.last, last.after) == (101, 105, None)


@pytest.mark.parametrize(("wanted", "number"), [("", 1), ("x", 1), ("0", 1), ("-1", 1), ("99", 3), ("9" * 30, 1)])
def test_a_number_that_is_none_is_the_nearest_sheet(wanted, number):
    assert sheet_of(ROWS, wanted, 50).number == number


def test_an_empty_list_has_one_empty_sheet():
    sheet = sheet_of([], "2", 50)
    assert (list(sheet.rows), sheet.number, sheet.first, sheet.last, sheet.after) == ([], 1, 0, 0, None)
