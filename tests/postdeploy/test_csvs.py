"""Tables as CSV that no spreadsheet takes for formulas."""

import csv
import io

import pytest

from postdeploy.lib.csvs import to_csv


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_could_be_a_formula_is_made_harmless(text):
    header, row = csv.reader(io.StringIO(to_csv([text], [[text]]), newline=""))
    assert header == [f"'{text}"]
    assert row == [f"'{text}"]


def test_numbers_stay_numbers_and_nothing_is_an_empty_cell():
    assert to_csv(["time", "a"], [["2026-01-01", -1.5], ["2026-01-02", None]]) == (
        "time,a\r\n2026-01-01,-1.5\r\n2026-01-02,\r\n"
    )


def test_quotes_commas_and_lines_come_back_as_they_were():
    cell = 'a "b", c\nd'
    assert list(csv.reader(io.StringIO(to_csv(["x"], [[cell]]), newline="")))[1] == [cell]
