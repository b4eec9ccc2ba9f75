"""The installation's figures in words: what is well, what is not, and what somebody should do about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from monitoring.selectors.folding import FOLD_LATE_SECONDS
from monitoring.selectors.locations import Location
from monitoring.selectors.operations import Operations, queue_at
from monitoring.selectors.readiness import POLL_LATE_SECONDS
from postdeploy import wiring
from postdeploy.health import TICK_LATE_SECONDS
from postdeploy.lib.words import duration, plural

#: Probes this late are not where they say they are on the time axis.
LATENESS_MS = 1000.0
QUEUE_LATE_SECONDS = 30.0
#: Sessions beyond this share of what PostgreSQL allows.
SESSIONS_SHARE = 0.9

WELL, WARN, BAD = "healthy", "degraded", "failed"


@dataclass(frozen=True, slots=True)
class Advice:
    """One line of the page: `state` is a state of the design, `todo` what to do when it is not well."""

    key: str
    state: str
    word: str
    sentence: str
    todo: str = ""

    @property
    def is_well(self) -> bool:
        """True when nobody has to do anything."""
        return self.state == WELL


def advice(figures: Operations) -> list[Advice]:
    """Return a line for each part of the installation, what is wrong first."""
    order = {BAD: 0, WARN: 1, WELL: 2}
    return sorted(_lines(figures), key=lambda line: order[line.state])


def headline(lines: list[Advice]) -> str:
    """Return the answer to "is it well?" in one sentence."""
    wrong = [line for line in lines if not line.is_well]
    if not wrong:
        return "Everything here does its work."
    return f"{plural(len(wrong), 'part')} of {len(lines)} {'needs' if len(wrong) == 1 else 'need'} you."


def _lines(figures: Operations) -> Iterator[Advice]:
    yield _tick(figures)
    yield _queues(figures)
    yield _polls(figures)
    for location in figures.polling.locations:
        yield _location(location)
    yield _view(figures)
    yield _folding(figures)
    yield _pulls(figures)
    yield _sessions(figures)


def _tick(figures: Operations) -> Advice:
    age = figures.tick_seconds
    todo = "Look which of beat, broker and a worker of the queue flow is down. Nothing is lost, everything is late."
    if age is None:
        return Advice("tick", BAD, "No tick", "Nothing has ticked yet.", todo)
    if age > TICK_LATE_SECONDS:
        return Advice("tick", BAD, "Stands still", f"The latest tick was {duration(age)} ago.", todo)
    return Advice("tick", WELL, "Ticks", "Beat, broker, worker and database work together.")


def _queues(figures: Operations) -> Advice:
    if figures.broker is None:
        return Advice(
            "queues", BAD, "No broker", "The broker does not answer.",
            "Start Valkey again; it may come back empty. Until then every wake-up is late and none is lost.",
        )  # fmt: skip
    names = (*wiring.QUEUES, *(queue_at(one) for one in figures.polling.locations if not one.is_silent))
    waiting = [queue for queue in figures.broker.queues if queue.name in names]
    late = [queue for queue in waiting if (queue.oldest_seconds or 0) > QUEUE_LATE_SECONDS]
    if late:
        words = ", ".join(f"{queue.name} ({duration(queue.oldest_seconds or 0)})" for queue in late)
        todo = "Start one more worker of that queue; if none takes messages, restart it."
        return Advice("queues", WARN, "Late", f"Messages wait too long: {words}.", todo)
    return Advice("queues", WELL, "Prompt", "No message waits longer than it should.")


def _polls(figures: Operations) -> Advice:
    polling = figures.polling
    checks, present = polling.checks_at_home, polling.present_at_home
    count = plural(checks, "check")
    if checks and not present:
        return Advice(
            "polls", BAD, "Nobody polls", f"{count} and no worker that reads them.",
            "Start a worker of the queue polls. What is missed counts as not watched, never as healthy.",
        )  # fmt: skip
    if polling.lag_seconds > POLL_LATE_SECONDS:
        sentence = f"The check that waits longest has waited {duration(polling.lag_seconds)}."
        return Advice("polls", BAD, "Behind", sentence, "Start another worker of the queue polls.")
    late = polling.lateness_p99_ms
    if late is not None and late > LATENESS_MS:
        sentence = f"1 probe in 100 starts {duration(late / 1000)} after its time or later."
        todo = "Start another worker of the queue polls, or give this one more processor."
        return Advice("polls", WARN, "Late", sentence, todo)
    if not checks:
        return Advice("polls", WELL, "Idle", "There is no check to read.")
    return Advice("polls", WELL, "On time", f"{count}, read by {plural(len(present), 'worker')}.")


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _location(location: Location) -> Advice:
    key, count = f"location-{location.name}", plural(location.checks, "check")
    if location.is_silent:
        sentence = f"{_capital(location.silence)}: {count} {'is' if location.checks == 1 else 'are'} not read."
        todo = f"Start a worker there with LOCATION={location.name} and the queue {queue_at(location)}."
        return Advice(key, BAD, "Silent", sentence, f"{todo} Or let the checks name another location.")
    if location.is_behind:
        sentence = f"At {location.name} the check that waits longest has waited {duration(location.lag_seconds)}."
        return Advice(key, BAD, "Behind", sentence, f"Start another worker of the queue {queue_at(location)}.")
    sentence = f"{count} at {location.name}, read by {plural(location.workers, 'worker')}."
    return Advice(key, WELL, "On time", sentence)


def _view(figures: Operations) -> Advice:
    outages = figures.open_outages
    if not outages:
        return Advice("view", WELL, "Sees", "No worker has lost its own view of the network.")
    names = ", ".join(outage.prober_name for outage in outages)
    return Advice(
        "view", BAD, "Blind", f"{names}: {outages[0].reason}",
        "Look at the network of that machine. Its checks count as unknown until it sees again; no outage is told.",
    )  # fmt: skip


def _folding(figures: Operations) -> Advice:
    log = figures.sampling.log
    if log.rows_waiting and log.oldest_waiting_seconds > FOLD_LATE_SECONDS:
        sentence = f"Samples wait {duration(log.oldest_waiting_seconds)} to be folded: {log.samples_waiting:,} of them."
        todo = "Look into the log of a worker of the queue flow for compact_samples. Samples are safe; pages are slow."
        return Advice("samples", BAD, "Not folded", sentence, todo)
    return Advice("samples", WELL, "Folded", "Samples are folded as they come.")


def _pulls(figures: Operations) -> Advice:
    sampling = figures.sampling
    if sampling.pull_lag_seconds > POLL_LATE_SECONDS:
        sentence = f"The source that waits longest has waited {duration(sampling.pull_lag_seconds)} to be fetched."
        return Advice("pulls", BAD, "Behind", sentence, "Start another worker of the queue polls.")
    if sampling.failing:
        sentence = f"{plural(sampling.failing, 'source')} cannot be fetched."
        return Advice("pulls", WARN, "Failing", sentence, "The sources page of its project says why.")
    return Advice("pulls", WELL, "Fetched", "Every source that we fetch from answers, or there is none.")


def _sessions(figures: Operations) -> Advice:
    database = figures.database
    if database.sessions > database.most_sessions * SESSIONS_SHARE:
        sentence = f"{database.sessions} of {database.most_sessions} sessions of PostgreSQL are taken."
        todo = "Raise max_connections, or run fewer processes and threads."
        return Advice("database", WARN, "Nearly full", sentence, todo)
    return Advice(
        "database", WELL, "Answers", f"PostgreSQL has {database.sessions} of {database.most_sessions} sessions taken."
    )
