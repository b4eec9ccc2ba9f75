"""Lessons are kept as they were written, and only what can be read is kept."""

import pytest

from reports.models import Lesson
from reports.services import LessonRefused, write_lesson
from tests.factories import DeploymentFactory, UserFactory
from tests.reports.world import NOW

pytestmark = pytest.mark.django_db


def write(**changes):
    given = {"deployment": DeploymentFactory(), "category": "CHALLENGES", "text": "Slow.", "author": UserFactory()}
    return write_lesson(**given | changes, now=NOW)


def test_a_lesson_keeps_text_author_and_time():
    lesson = write(text="  The cache was cold.\nWarm it first. ")
    assert lesson.text == "The cache was cold.\nWarm it first."
    assert lesson.created_at == NOW
    assert Lesson.objects.get() == lesson


@pytest.mark.parametrize("text", ["", "  \n", "x" * 2001])
def test_an_empty_or_endless_lesson_is_refused(text):
    with pytest.raises(LessonRefused):
        write(text=text)
    assert not Lesson.objects.exists()
