"""What a watch is called, how far it is, and the sentence over the overview."""

from datetime import timedelta
from uuid import UUID

import pytest

from monitoring.watch import Period, Subject, watch_state
from reports import sentences
from reports.sentences import Place
from reports.tracks import track_of
from tests.reports.world import HOUR, MINUTE, NOW

OPENED = NOW - 38 * MINUTE
NAMELESS = UUID(int=1)
SEEN = "Nothing is worse so far: 3 of 3 metrics and 1 check."


def periods(*, initial=None, extended=None, so_far=None, sentence=SEEN, opened=OPENED, status="OPEN", ended=None):
    ends = opened + HOUR
    one = Period(
        stage="INITIAL", status="CLOSED" if initial else status, opens_at=opened, closes_at=ends,
        ended_at=ends if initial else ended, result=initial, decided_at=ends if initial else None, verdict_id=1,
        so_far=initial or so_far, sentence=sentence,
    )  # fmt: skip
    two = Period(
        stage="EXTENDED", status="CLOSED" if extended else status, opens_at=ends, closes_at=ends + 72 * HOUR,
        ended_at=ends + 72 * HOUR if extended else ended, result=extended,
        decided_at=ends + 72 * HOUR if extended else None, verdict_id=2 if extended else None, sentence=sentence,
    )  # fmt: skip
    return [one, two]


def watch(*, status="SUCCEEDED", by="", rows=None, **fields):
    subject = Subject(NAMELESS, status, superseded_by=by, superseded_by_id=NAMELESS if by else None)
    return watch_state(subject, periods(**fields) if rows is None else rows)


# --- the sign ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "sign"),
    [
        (watch(), ("watching", False, "Watching: nothing worse so far")),
        (
            watch(sentence="Nothing can be said yet: too little."),
            ("watching", False, "Watching: nothing can be said yet"),
        ),
        (watch(so_far="DEGRADED"), ("degraded", True, None)),
        (watch(initial="HEALTHY"), ("healthy", False, None)),
        (watch(initial="INCONCLUSIVE"), ("inconclusive", True, None)),
        (watch(initial="BLIND", extended="BLIND"), ("blind", False, None)),
        (watch(initial="FAILED"), ("failed", False, None)),
        (watch(status="RUNNING"), ("running", False, None)),
        (watch(status="PENDING"), ("pending", False, None)),
        (watch(status="CANCELLED"), ("cancelled", False, None)),
        (watch(status="FAILED"), ("not_deployed", False, None)),
    ],
)
def test_a_state_has_one_sign(state, sign):
    status = "RUNNING" if sign[0] == "running" else ""
    found = sentences.sign_of(state, status)
    assert (found.value, found.so_far, found.label) == sign


def test_only_a_final_healthy_is_green():
    assert sentences.sign_of(watch(so_far="HEALTHY")).tone == "watch"
    assert sentences.sign_of(watch(initial="HEALTHY")).tone == "healthy"


def test_what_nobody_looked_at_is_not_called_good():
    sign = sentences.sign_of(watch(sentence=""))
    assert sign.label == "Watching: nothing has been looked at yet"


# --- progress ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "now", "words"),
    [
        (watch(), NOW, "38 of 60 min"),
        (watch(initial="HEALTHY"), OPENED + 19 * HOUR, "18 of 72 h"),
        (watch(initial="HEALTHY", extended="HEALTHY"), OPENED + 99 * HOUR, "complete, 73 h"),
        (watch(status="RUNNING"), NOW, "not finished yet"),
        (watch(status="CANCELLED"), NOW, "not watched"),
        (watch(rows=[]), NOW, "about to begin"),
        (
            watch(status="SUCCEEDED", by="v2", rows=periods(status="SUPERSEDED", ended=OPENED + 20 * MINUTE)),
            NOW,
            "ended by v2 after 20 min",
        ),
    ],
)
def test_progress_is_told_in_words(state, now, words):
    assert sentences.progress(state, now).replace("\u00a0", " ") == words


def test_the_track_says_all_of_it_to_those_who_do_not_see_it():
    aria = track_of(watch(), NOW).aria.replace("\u00a0", " ")
    assert aria == "Initial watch: 38 of 60 min done. Extended watch of 72 h follows."


def test_the_track_has_a_needle_only_while_a_period_runs():
    assert track_of(watch(), NOW).now_share == pytest.approx(38 / 60, abs=0.01)
    done = track_of(watch(initial="HEALTHY", extended="HEALTHY"), OPENED + 99 * HOUR)
    assert (done.now_share, done.initial.share, done.extended.share) == (None, 1.0, 1.0)


def test_there_is_no_track_without_a_watch():
    assert track_of(watch(status="FAILED"), NOW) is None


def test_a_stage_that_never_began_says_so():
    state = watch(by="v2", rows=periods(status="SUPERSEDED", ended=OPENED + 20 * MINUTE))
    track = track_of(state, NOW)
    assert track.extended.label == "Extended: never began"
    assert "ended by v2" in track.initial.note


# --- the headline -----------------------------------------------------------------------------------------------------


def place(state, **fields):
    known = {"name": "production", "version": "v1", "kind": "DEPLOY", "is_production": True}
    return Place(watch=state, **known | fields)


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([], "Nothing has been deployed yet."),
        ([place(watch(), kind="ROLLBACK")],
         "Production is being watched after a rollback. Nothing is worse so far."),
        ([place(watch(so_far="DEGRADED"))], "Production is being watched after v1. It looks worse so far."),
        ([place(watch(sentence=""))], "Production is being watched after v1. Nothing has been looked at yet."),
        ([place(watch(initial="HEALTHY"))], "Production is healthy after v1. The watch goes on."),
        ([place(watch(initial="HEALTHY", extended="HEALTHY"))], "Production is healthy after v1."),
        ([place(watch(initial="FAILED", extended="FAILED"))], "Production failed its watch after v1."),
        ([place(watch(initial="BLIND", extended="BLIND"))],
         "Production was not measured after v1: nobody knows how it is."),
        ([place(watch(initial="HEALTHY"), down=["Checkout API"])],
         "Production is not well: Checkout API is down."),
        ([place(watch(initial="HEALTHY"), down=["A", "B", "C"])],
         "Production is not well: A and 2 others are down."),
        ([place(watch(), name="staging", is_production=False), place(watch(initial="FAILED", extended="FAILED"))],
         "Production failed its watch after v1."),
        ([place(None)], "Nothing has been deployed to production yet."),
    ],
)  # fmt: skip
def test_the_headline_answers_the_question(places, words):
    assert sentences.headline(places).replace("\u00a0", " ") == words


def test_progress_never_runs_over():
    late = NOW + timedelta(days=1)
    assert sentences.share(periods()[0], late) == 1.0
