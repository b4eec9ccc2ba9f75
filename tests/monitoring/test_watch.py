"""One word for what is known of a deployment, from its two periods."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from monitoring.watch import Period, Subject, watch_state

NOW = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
LIVE = Subject(uuid.uuid4(), "SUCCEEDED")


def period(stage, said):
    """A period from a word: "open", "open:DEGRADED" (so far), "HEALTHY" (decided, closed), "superseded"."""
    opens_at = NOW if stage == "INITIAL" else NOW + timedelta(hours=1)
    times = {"opens_at": opens_at, "closes_at": opens_at + timedelta(hours=1)}
    look = {"verdict_id": 7, "sentence": f"{stage.lower()} says {said}."}
    if said.startswith("open"):
        so_far = said.partition(":")[2] or None
        return Period(stage, "OPEN", **times, next_look_at=NOW + timedelta(minutes=5), so_far=so_far, **look)
    if said == "superseded":
        return Period(stage, "SUPERSEDED", **times, ended_at=NOW + timedelta(minutes=9))
    return Period(
        stage, "CLOSED", **times, ended_at=times["closes_at"], result=said, decided_at=times["closes_at"], **look
    )


def state(initial, extended, until=None, subject=LIVE):
    return watch_state(subject, [period("INITIAL", initial), period("EXTENDED", extended)], until=until)


@pytest.mark.parametrize(
    ("status", "word", "is_final"),
    [
        ("PENDING", "pending", False),
        ("RUNNING", "pending", False),
        ("FAILED", "not_deployed", True),
        ("CANCELLED", "cancelled", True),
    ],
)
def test_what_did_not_go_live_is_said_by_its_status(status, word, is_final):
    found = watch_state(Subject(uuid.uuid4(), status), [])
    assert (found.state, found.is_final, found.is_watching) == (word, is_final, False)


def test_what_has_just_gone_live_is_about_to_be_watched():
    found = watch_state(LIVE, [])
    assert (found.state, found.sentence) == ("watching", "The watch is about to begin.")


def test_what_was_reported_too_late_is_not_watched():
    found = watch_state(Subject(LIVE.id, "SUCCEEDED", is_too_old=True), [])
    assert (found.state, found.is_final) == ("not_watched", True)


@pytest.mark.parametrize(
    ("initial", "extended", "page", "until_initial", "until_extended"),
    [
        ("open", "open", "watching", "watching", "watching"),
        ("HEALTHY", "open", "healthy", "healthy", "watching"),
        ("INCONCLUSIVE", "open", "inconclusive", "inconclusive", "watching"),
        ("HEALTHY", "HEALTHY", "healthy", "healthy", "healthy"),
        ("HEALTHY", "DEGRADED", "degraded", "healthy", "degraded"),
        ("DEGRADED", "open", "degraded", "degraded", "degraded"),
        ("DEGRADED", "HEALTHY", "degraded", "degraded", "degraded"),
        ("BLIND", "HEALTHY", "blind", "blind", "blind"),
        ("superseded", "superseded", "superseded", "superseded", "superseded"),
        ("HEALTHY", "superseded", "healthy", "healthy", "superseded"),
        ("FAILED", "superseded", "failed", "failed", "failed"),
    ],
)
def test_the_word_for_pages_and_for_both_questions_of_the_gate(initial, extended, page, until_initial, until_extended):
    assert state(initial, extended).state == page
    assert state(initial, extended, until="initial").state == until_initial
    assert state(initial, extended, until="extended").state == until_extended


def test_missing_data_never_becomes_healthy():
    words = ["open", "superseded", "INCONCLUSIVE", "BLIND", "HEALTHY", "DEGRADED", "FAILED"]
    for initial, extended in product(words, words):
        for until in (None, "initial", "extended"):
            found = state(initial, extended, until=until)
            if found.state == "healthy":
                assert initial == "HEALTHY"
                assert extended == "HEALTHY" or until != "extended"


def test_the_sentence_comes_from_the_period_that_decides():
    assert state("HEALTHY", "DEGRADED").sentence == "extended says DEGRADED."
    assert state("DEGRADED", "open").sentence == "initial says DEGRADED."


@pytest.mark.parametrize("word", ["HEALTHY", "INCONCLUSIVE", "BLIND"])
def test_where_both_periods_say_that_nothing_got_worse_the_longer_one_speaks(word):
    assert state(word, word).sentence == f"extended says {word}."
    assert state(word, word, until="initial").sentence == f"initial says {word}."
    assert state("DEGRADED", "DEGRADED").sentence == "initial says DEGRADED."


def test_a_watch_that_goes_on_says_what_it_leans_to_and_when_it_looks_again():
    found = state("open:DEGRADED", "open")
    assert (found.state, found.so_far, found.is_final) == ("watching", "degraded", False)
    assert found.next_look_at == NOW + timedelta(minutes=5)
    assert found.decided_at is None


def test_a_verdict_with_the_extended_watch_going_on_is_still_a_verdict():
    found = state("HEALTHY", "open")
    assert found.is_final
    assert found.is_watching
    assert found.ended_at is None


def test_the_watch_has_ended_when_both_periods_have():
    assert state("HEALTHY", "HEALTHY").ended_at == NOW + timedelta(hours=2)


def test_what_was_replaced_before_a_verdict_names_its_successor():
    found = state("superseded", "superseded", subject=Subject(LIVE.id, "SUCCEEDED", superseded_by="v2"))
    assert found.sentence == "v2 replaced it before a verdict was reached."


def test_before_the_first_look_nothing_is_claimed():
    bare = Period("INITIAL", "OPEN", NOW, NOW + timedelta(hours=1), next_look_at=NOW)
    assert watch_state(LIVE, [bare]).sentence == "Nothing has been looked at yet."
