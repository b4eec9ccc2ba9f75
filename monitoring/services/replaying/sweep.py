"""Going through a replay, one deployment and one transaction at a time, so that it goes on after a crash."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from deployments.models import Deployment
from monitoring.changes import Changes
from monitoring.judge import RULE_VERSION
from monitoring.models import Replay, ReplayedVerdict, ReplayStatus
from monitoring.selectors.replays import replayable
from monitoring.services.replaying.inputs import CannotReplay
from monitoring.services.replaying.looking import PeriodReplay, replay_period
from monitoring.watch import WORST_FIRST
from postdeploy.lib.claims import move
from postdeploy.lib.sweeps import each

logger = logging.getLogger(__name__)

#: A sweep works on a replay for so long, so that verdicts never wait behind one for long; the next sweep goes on.
SLICE = timedelta(seconds=5)
#: Whoever takes a replay on has it for so long; it is counted anew with each deployment.
LEASE = timedelta(minutes=5)
#: A deployment at which so many workers ended is left out, with the reason.
MOST_STUMBLES = 3


def run_replays(*, now: datetime) -> int:
    """Go on with each replay that nobody works on; return how many deployments were judged once more."""
    done = 0

    def work(pk: int) -> bool:
        nonlocal done
        steps = _work(pk, now, is_enough=_after(SLICE))
        done += steps
        return steps > 0

    each(list(Replay.objects.due(at=now).values_list("pk", flat=True)), work, name="run_replays")
    return done


def run_whole_replay(*, replay: Replay, clock: Callable[[], datetime]) -> Replay:
    """Judge all deployments of `replay` in the foreground and return it as it ended; `clock` gives the time."""
    while Replay.objects.unfinished().filter(pk=replay.pk).exists():
        if not _work(replay.pk, clock(), is_enough=_after(SLICE)) and _is_others(replay, clock()):
            time.sleep(1)  # a worker has it, and goes on without us
    replay.refresh_from_db()
    return replay


def _is_others(replay: Replay, now: datetime) -> bool:
    return Replay.objects.unfinished().filter(pk=replay.pk, next_step_at__gt=now).exists()


def _after(slice_: timedelta) -> Callable[[], bool]:
    end = time.monotonic() + slice_.total_seconds()
    return lambda: time.monotonic() >= end


def _work(pk: int, now: datetime, *, is_enough: Callable[[], bool]) -> int:
    """Take a replay on and judge at least one deployment; return how many."""
    replay = _taken(pk, now)
    if replay is None:  # another worker has it
        return 0
    steps = 0
    try:
        todo = _todo(replay)
        while todo and _step(replay, todo.pop(0), now):
            steps += 1
            if is_enough():
                break
        _leave(replay, now, is_over=not todo)
    except (OperationalError, InterfaceError):
        raise  # the database is everybody's; the lease runs out, and the replay goes on
    except Exception as error:
        logger.exception("replay %s failed", pk)
        _end(replay, ReplayStatus.FAILED, now, error=f"Postdeploy failed: {type(error).__name__}. Its log says more.")
    return steps


def _taken(pk: int, now: datetime) -> Replay | None:
    due = Replay.objects.due(at=now).order_by().filter(pk=pk)
    replay = due.select_related("project", "environment").first()
    if replay is None:
        return None
    stumbles = replay.stumbles + 1
    is_ours = move(
        due.filter(stumbles=replay.stumbles),
        status=ReplayStatus.RUNNING,
        next_step_at=now + LEASE,
        stumbles=stumbles,
    )
    replay.stumbles = stumbles
    if is_ours and replay.rule_version != RULE_VERSION:
        error = "Postdeploy was upgraded while it ran, and judges by other rules now. Ask once more."
        _end(replay, ReplayStatus.FAILED, now, error=error)
        return None
    return replay if is_ours else None


def _todo(replay: Replay) -> list[UUID]:
    done = set(replay.verdicts.values_list("deployment_id", flat=True))
    return [pk for pk in replayable(replay) if pk not in done]


def _step(replay: Replay, deployment_id: UUID, now: datetime) -> bool:
    """Judge one deployment once more; False when the replay was stopped or taken by another meanwhile."""
    with transaction.atomic():
        # its row is locked until the result is written: whoever stops it waits for that
        mine = Replay.objects.unfinished().select_for_update(no_key=True).filter(pk=replay.pk)
        if mine.filter(stumbles=replay.stumbles).first() is None:
            return False
        deployment = Deployment.objects.filter(pk=deployment_id).first()
        if deployment is not None and not _has_row(replay, deployment):
            try:
                with transaction.atomic():
                    _row(replay, deployment).save()
            except IntegrityError:
                if not _has_row(replay, deployment):
                    raise
        Replay.objects.unfinished().filter(pk=replay.pk).update(stumbles=0, next_step_at=now + LEASE)
        replay.stumbles = 0
    return True


def _has_row(replay: Replay, deployment: Deployment) -> bool:
    return replay.verdicts.filter(deployment=deployment).exists()


def _row(replay: Replay, deployment: Deployment) -> ReplayedVerdict:
    row = ReplayedVerdict(replay=replay, deployment=deployment)
    periods = list(deployment.periods.over().select_related("deployment", "environment").order_by("opens_at"))
    row.result_then = _worst(period.result or "" for period in periods)
    if replay.stumbles > MOST_STUMBLES:
        row.problem = "Workers ended while they judged it once more; it was left out."
        return row
    try:
        with transaction.atomic():
            _fill(row, [replay_period(period, Changes.from_json(replay.changes)) for period in periods])
    except CannotReplay as error:
        row.problem = str(error)[:500]
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("replay %s: deployment %s could not be judged", replay.pk, deployment.pk)
        row.problem = "The judge failed on it. The log of the installation says why."
    return row


def _fill(row: ReplayedVerdict, found: list[PeriodReplay | None]) -> None:
    looked_at = [one for one in found if one is not None]
    row.rule_version = looked_at[0].rule_version if looked_at else ""
    row.result_now = _worst(one.result_now for one in looked_at)
    tells = [one for one in looked_at if one.result_now == row.result_now]
    row.sentence = tells[0].sentence if tells else ""
    row.differences = [difference for one in looked_at for difference in one.differences]
    row.note = " ".join(dict.fromkeys(note for one in looked_at for note in one.notes))[:500]


def _worst(results: Iterable[str]) -> str:
    return min((result for result in results if result), key=WORST_FIRST.index, default="")


def _leave(replay: Replay, now: datetime, *, is_over: bool) -> None:
    if is_over:
        _end(replay, ReplayStatus.DONE, now)
    else:
        Replay.objects.unfinished().filter(pk=replay.pk, stumbles=replay.stumbles).update(next_step_at=now)


def _end(replay: Replay, status: str, now: datetime, *, error: str = "") -> None:
    rows = Replay.objects.unfinished().filter(pk=replay.pk)
    rows.update(status=status, next_step_at=None, ended_at=now, error=error)
