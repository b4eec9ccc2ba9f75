"""The run: slots come due, probes start at their time, what came of them is judged at once and kept twice a second."""

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from django.db import InterfaceError, OperationalError, connection

from monitoring.models import HealthCheck, Outage, Series
from monitoring.polling import grid, keeping, opinions, probing, shards, takeover
from monitoring.polling.clock import Clock
from monitoring.polling.figures import Counts
from monitoring.polling.keeping import Batch
from monitoring.polling.lookout import Lookout, close_orphans
from monitoring.polling.plan import PARKED, PATIENCE, Plan, Planned
from monitoring.polling.pool import Pool
from monitoring.polling.probing import NOBODY_LOOKED, Compiled, networks
from monitoring.polling.sockets import allow_many_files
from monitoring.probes import FailureKind, Reading
from monitoring.probes.http import words_of
from monitoring.transitions import DOWN, UNKNOWN, UP, is_settled, next_state
from postdeploy.lib.http import Loop, Outcome, Request

logger = logging.getLogger(__name__)

#: At most so many probes at once; what is due beyond waits, which shows as lateness.
CONCURRENCY = 2000
#: Probes start in small groups: their answers come together too, and each waking-up costs as much as a probe.
START_SECONDS = 0.04
#: But no more than so many before we look for answers: one that waits for us would seem slow.
START_AT_ONCE = 30
FLUSH_SECONDS = 0.5
RENEW_SECONDS = 2.0
REFRESH_SECONDS = 1.0
WHOLE_REFRESH_SECONDS = 30.0
#: While the database is away results wait in memory: so many samples, then the oldest are given up.
MOST_WAITING = 500_000
#: How long what is under way may still end when we hand over.
LAST_PROBES_SECONDS = 1.0


class Engine:
    """All that one process needs to poll. Used by one thread at a time; `stop` may be called from anywhere."""

    def __init__(self, *, clock: Clock | None = None, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self.me = shards.Identity()
        self.clock = clock or Clock()
        self.plan = Plan(self.me.location)
        self.batch = Batch()
        self.counts = Counts()
        self.is_stopping = is_stopping
        self._pool = Pool()
        allow_many_files()
        # what there is now stays: the collector need not look at it again for each few hundred readings
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        self._loop = self._new_loop()
        self._running: dict[int, tuple[Planned, Compiled, int]] = {}
        self._guests: dict[int, Callable[[Outcome], None]] = {}
        self._number = 0
        self._others = 0
        self.lookout = Lookout(self._submit)
        self._start_at = self._flush_at = self._renew_at = self._refresh_at = self._whole_refresh_at = 0.0

    def _new_loop(self) -> Loop:
        loop = Loop(networks(), idle_connections=CONCURRENCY)
        loop.watch(self._pool.descriptor, self._pool.rest)
        return loop

    # --- the run ---

    def run(self, is_over: Callable[[], bool]) -> int:
        """Poll until `is_over` or the process is to stop; return how many readings were kept.

        What is held stays held, for the next run of this process to go on with, unless the process is to stop.
        """
        before = self.counts.readings
        self.refresh()
        while self.plan.shards and not is_over() and not self.is_stopping():
            self.turn()
        if self.is_stopping():
            self.hand_over()
        else:
            self.flush()
        return self.counts.readings - before

    def turn(self) -> None:
        """Start what is due, wait a little for answers, and now and then keep them and look at what has changed."""
        now_us = self.clock.now_us()
        monotonic = time.monotonic()
        if monotonic >= self._start_at and not self.start_due(now_us):
            self._start_at = monotonic + START_SECONDS
        self._gather(self._wait_seconds(now_us))
        monotonic = time.monotonic()
        if monotonic >= self._flush_at:
            self.flush()
        if monotonic >= self._refresh_at:
            self.refresh()

    def _wait_seconds(self, now_us: int) -> float:
        monotonic = time.monotonic()
        until = min(self._flush_at, self._refresh_at) - monotonic
        if len(self._running) < CONCURRENCY:
            due = (self.plan.next_due_us() - now_us) / grid.SECOND
            until = min(until, max(due, self._start_at - monotonic))
        return max(0.0, min(until, 1.0))

    def hand_over(self) -> None:
        """Let what is under way end if it does so at once, keep it, and give back everything we hold."""
        deadline = time.monotonic() + LAST_PROBES_SECONDS
        while self._running and (left := deadline - time.monotonic()) > 0:
            self._gather(left)
        self.flush()
        self.give_back(self.plan.shards)
        shards.leave(self.me)

    # --- probing ---

    def start_due(self, now_us: int) -> bool:
        """Start what is due, as far as there is room; return whether the next turn should start the rest at once."""
        room = min(START_AT_ONCE, CONCURRENCY - len(self._running))
        if room <= 0:
            return False
        for planned, slot_us in self.plan.due(now_us):
            if planned.running_us is not None:  # its last reading still runs, and stands for this one
                self.counts.skipped += 1
                continue
            self.counts.lateness_us.append(now_us - slot_us)
            self._start(planned, slot_us)
            room -= 1
            if not room:
                return len(self._running) < CONCURRENCY
        return False

    def _start(self, planned: Planned, slot_us: int) -> None:
        try:
            compiled = planned.compiled or self.plan.compile(planned)
            self._number = number = self._number + 1
            if compiled.request is None or compiled.fresh_request is None:
                self._pool.submit(number, partial(compiled.run, _moment(slot_us)))
            elif grid.is_fresh(planned.phase, planned.interval_us, slot_us):
                self._loop.submit(number, compiled.fresh_request)
            else:
                self._loop.submit(number, compiled.request)
        except Exception as error:  # one bad row must not stop the others
            self._could_not_be_read(planned, slot_us, error, is_for_good=True)
        else:
            planned.running_us = slot_us
            self._running[number] = planned, compiled, slot_us

    def _gather(self, wait_seconds: float) -> None:
        """Wait for answers and judge them. What is no longer ours, or no longer there, is nobody's business."""
        ended: list[tuple[int, object]] = [*self._loop.turn(wait_seconds), *self._pool.results()]
        for number, result in ended:
            if (guest := self._guests.pop(number, None)) is not None:
                if isinstance(result, Outcome):
                    guest(result)
                continue
            planned, compiled, slot_us = self._running.pop(number)
            planned.running_us = None
            if self.plan.checks.get(planned.pk) is not planned:
                continue
            try:
                reading = compiled.reading(result) if isinstance(result, Outcome) else result
            except Exception as error:
                reading = error
            if isinstance(reading, Reading):
                self._take(planned, reading, slot_us)
            else:
                self._could_not_be_read(planned, slot_us, reading)
        for held in self.lookout.released():
            held.planned.running_us = None
            if self.plan.checks.get(held.planned.pk) is held.planned:
                self._take(held.planned, held.reading, held.slot_us, was_held=True)

    def _submit(self, request: Request, on_done: Callable[[Outcome], None]) -> None:
        """Send a request that is no reading."""
        self._number += 1
        self._guests[self._number] = on_done
        self._loop.submit(self._number, request)

    # --- judging ---

    def _take(self, planned: Planned, reading: Reading, slot_us: int, *, was_held: bool = False) -> None:
        """Note what one reading changes.

        Samples stand at their slot, changes of state at the time of the reading: a slot lies a little before it, and
        what broke after a deployment began must not look as if it had been broken before.
        """
        planned.faults = 0
        self.counts.readings += 1
        if reading.ok:
            self.batch.add(planned, Series.UP, slot_us, 1.0)
            self._add_times(planned, reading, slot_us)
            self.lookout.seen.add(planned.host)
            if not is_settled(planned.standing) or planned.extra_done_us is not None:
                self._step(planned, True, reading.detail or words_of(reading))
            return
        if why := self.lookout.doubt(planned, reading):
            self._step(planned, None, f"nobody could look: {why}"[:300])
            return
        if not was_held and self._would_go_down(planned) and self._hold(planned, reading, slot_us):
            return
        ok = None if reading.kind in NOBODY_LOOKED else False
        if ok is False:
            self.batch.add(planned, Series.UP, slot_us, 0.0)
        if reading.kind == FailureKind.SLOW:  # how fast an error page comes says nothing of speed
            self._add_times(planned, reading, slot_us)
        self._step(planned, ok, reading.detail)
        if reading.kind != FailureKind.WAITING:  # for a first ping: nothing has failed
            self.batch.failures.append((planned, keeping.failure(planned, reading, _moment(slot_us))))
        if self._others and ok is False and planned.standing.state == UP and planned.standing.failures_in_a_row == 1:
            self.batch.doubtful.add(planned.pk)

    def _would_go_down(self, planned: Planned) -> bool:
        return planned.standing.state != DOWN and planned.standing.failures_in_a_row + 1 >= planned.threshold

    def _hold(self, planned: Planned, reading: Reading, slot_us: int) -> bool:
        """Let a reading wait until we have looked around."""
        if not self.lookout.hold(planned, reading, slot_us, self.plan.checks.values()):
            return False
        planned.running_us = slot_us
        self.counts.readings -= 1
        return True

    def _add_times(self, planned: Planned, reading: Reading, slot_us: int) -> None:
        add, phases = self.batch.add, reading.phases
        if not reading.total_ms:  # a heartbeat whose job does not say when it begins
            return
        add(planned, Series.RESPONSE_TIME, slot_us, reading.total_ms)
        if phases.first_byte_ms:
            add(planned, "first_byte", slot_us, phases.first_byte_ms)
        if phases.connect_ms:  # a connection of its own
            if planned.is_named:
                add(planned, "dns", slot_us, phases.dns_ms)
            add(planned, "connect", slot_us, phases.connect_ms)
            if phases.tls_ms:
                add(planned, "tls", slot_us, phases.tls_ms)
        if reading.certificate_days is not None:
            add(planned, "certificate_days", slot_us, reading.certificate_days)

    def _step(self, planned: Planned, ok: bool | None, detail: str) -> None:
        """Change the check's state, to be written with the batch."""
        at = _moment(self.clock.now_us())
        step = next_state(planned.standing, ok=ok, at=at, threshold=planned.threshold)
        planned.standing, planned.detail = step.to, detail
        if ok is not None and planned.first_reading_at is None:
            planned.first_reading_at = at
        self.batch.changed[planned.pk] = planned
        if step.outage_begins:
            began_at = planned.standing.since or at
            outage = Outage(health_check_id=planned.pk, began_at=began_at, confirmed_at=at, cause=detail)
            self.batch.outages.append((planned, outage))
        if step.outage_ends:
            self.batch.outages.append((planned, at))

    def _could_not_be_read(self, planned: Planned, slot_us: int, error: object, *, is_for_good: bool = False) -> None:
        """Say so of a check whose evaluation raised; after a few times, or at once if it can only go on so, park it."""
        self.counts.readings += 1
        planned.faults += 1
        if is_for_good or planned.faults >= PATIENCE:
            planned.parked_until = _moment(slot_us) + PARKED
            self.plan.put(planned, slot_us)
        logger.error("check %s could not be read: %r", planned.pk, error)
        told = (
            "our database was away"
            if isinstance(error, InterfaceError | OperationalError)
            else error or type(error).__name__
        )
        self._step(planned, None, f"could not be read: {told}"[:300])

    # --- keeping ---

    def flush(self) -> None:
        """Keep what waits and renew the leases. While the database is away everything waits for the next time."""
        monotonic = time.monotonic()
        self._flush_at = monotonic + FLUSH_SECONDS
        until_us = self._polled_until()
        if not until_us or not (self.batch or monotonic >= self._renew_at):
            return
        batch, self.batch = self.batch, Batch()
        try:
            now = _moment(self.clock.now_us())
            ours = keeping.keep(self.me, batch, until_us, self.plan.departures, now, self._park)
        except (OperationalError, InterfaceError) as error:
            self.batch = batch
            self._database_is_away(error)
            return
        self._renew_at = monotonic + RENEW_SECONDS
        self.plan.drop(until_us.keys() - ours)

    def _park(self, planned: Planned, error: Exception) -> None:
        """What was read of a check cannot be kept: leave it alone for a while, and say so."""
        now_us = self.clock.now_us()
        planned.parked_until = _moment(now_us) + PARKED
        self.plan.put(planned, now_us)
        logger.error("what was read of check %s could not be kept: %r", planned.pk, error)
        planned.standing = replace(planned.standing, state=UNKNOWN, failing_since=None, failures_in_a_row=0)
        planned.detail = "could not be kept: see the worker's log"
        self.batch.changed[planned.pk] = planned

    def _polled_until(self) -> dict[int, int]:
        """Return for each shard the time before which every slot was read; none while no shard is ours."""
        if not self.plan.shards:
            return {}
        now_us = min(self.clock.now_us(), self.plan.next_due_us())
        until_us = dict.fromkeys(self.plan.shards, now_us)
        for planned, _, slot_us in self._running.values():
            if slot_us < until_us.get(planned.shard, 0):
                until_us[planned.shard] = slot_us
        for held in self.lookout.held:
            if held.slot_us < until_us.get(held.planned.shard, 0):
                until_us[held.planned.shard] = held.slot_us
        return until_us

    def _database_is_away(self, error: Exception) -> None:
        logger.warning("the database is away, %s samples wait: %s", len(self.batch.checks), str(error).strip())
        connection.close()
        if len(self.batch.checks) > MOST_WAITING:
            logger.error("samples are given up: too many wait for the database")
            del self.batch.checks[:], self.batch.aspects[:], self.batch.times_us[:], self.batch.values[:]

    # --- what is ours ---

    def refresh(self) -> None:
        """Report, take or give back shards for a fair share, and look at what has changed."""
        monotonic = time.monotonic()
        self._refresh_at = monotonic + REFRESH_SECONDS
        is_whole = monotonic >= self._whole_refresh_at
        try:
            departures = self._share()
            if self.plan.shards:
                now_us = self.clock.now_us()
                self.plan.go_on(takeover.after_moves(self.plan.refresh(now_us, departures, is_whole=is_whole), now_us))
                self._hear_others()
                self.lookout.record(self.me, _moment(self.clock.now_us()))
            if is_whole:
                close_orphans()
                self._whole_refresh_at = monotonic + WHOLE_REFRESH_SECONDS
        except (OperationalError, InterfaceError) as error:
            self._database_is_away(error)
        if self._loop.allowed_networks != networks():
            self._loop.close()
            self._loop = self._new_loop()

    def _share(self) -> dict[int, int]:
        """Take or give back shards; return how many checks had left each of those that we keep, before we look."""
        mine = self.plan.shards
        told = shards.report(self.me, self.clock, self.counts.figures(len(self.plan)), len(mine))
        self._others = told.probers - 1
        fair = shards.fair_share(told.probers)
        if len(mine) > fair:
            busy = self.plan.count_by_shard()
            self.flush()
            self.give_back(set(sorted(mine, key=lambda number: busy[number])[: len(mine) - fair]))
        taken = shards.take(self.me, fair - len(mine))
        if taken:
            self._begin(taken)
        return {number: count for number, count in told.departures.items() if number in self.plan.shards}

    def _hear_others(self) -> None:
        """Look at what others doubt, and take in what they say of what we doubt."""
        if not self._others:
            return
        for row in opinions.take(self.me):
            self._give_opinion(row)
        now_us = self.clock.now_us()
        for pk, reading in opinions.collect(self.me).items():
            planned = self.plan.checks.get(pk)
            if planned and planned.running_us is None and planned.standing.failures_in_a_row:
                self._take(planned, reading, now_us)

    def _give_opinion(self, row: HealthCheck) -> None:
        try:
            compiled = probing.compiled(row)
        except Exception as error:
            logger.warning("no second opinion on check %s: %r", row.pk, error)
            return
        if compiled.fresh_request is None:
            return

        def answered(outcome: Outcome) -> None:
            try:
                opinions.answer(self.me, compiled.pk, compiled.reading(outcome))
            except (OperationalError, InterfaceError) as error:
                self._database_is_away(error)

        self._submit(compiled.fresh_request, answered)

    def _begin(self, taken: list[shards.Taken]) -> None:
        now_us = self.clock.now_us()
        since_us = {one.number: now_us if one.polled_until_us is None else one.polled_until_us for one in taken}
        added = self.plan.load(since_us.keys(), since_us)
        self.plan.departures.update({one.number: one.departures for one in taken})
        self.plan.go_on(takeover.after_moves(added, now_us))
        orphans = {one.number for one in taken if one.is_orphan}
        self.plan.go_on(takeover.after_orphans([one for one in added if one.shard in orphans], since_us, now_us))

    def give_back(self, numbers: set[int]) -> None:
        """Release shards at once; what still runs there is read again by whoever takes them."""
        until_us = self._polled_until()
        shards.release(self.me, {number: until_us[number] for number in numbers})
        self.plan.drop(numbers)

    def wake(self) -> None:
        """Let the run look whether it is over, from another thread."""
        self._pool.wake()

    def close(self) -> None:
        """Drop the connections."""
        self._loop.close()


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / grid.SECOND, UTC)
