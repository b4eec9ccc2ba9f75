import pytest
from django.core.exceptions import ValidationError

from postdeploy.forms import DurationField
from postdeploy.lib.durations import duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15 min", 900), ("2h", 7200), ("1 h 30 min", 5400), ("90 s", 90), ("1,5 h", 5400), (" 3 Days ", 259_200)],
)
def test_it_reads_durations_as_people_type_them(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "15", "soon", "15 min or so!", "min 15", "-5 min", "1 fortnight", "1e3 s"])
def test_it_says_what_it_cannot_read(text):
    with pytest.raises(ValueError, match="unit"):
        parse_duration(text)


@pytest.mark.parametrize("seconds", [0, 5, 90, 900, 5400, 86_400, 90_061])
def test_what_it_writes_it_reads(seconds):
    assert parse_duration(duration_text(seconds)) == seconds


def test_the_field_shows_words_and_keeps_to_its_limits():
    field = DurationField(least=5, most=3600)
    assert field.prepare_value(900) == "15 min"
    assert field.clean("1 min") == 60
    with pytest.raises(ValidationError, match="between 5 s and 1 h"):
        field.clean("2 h")
    assert not field.has_changed(900, "15 minutes")
