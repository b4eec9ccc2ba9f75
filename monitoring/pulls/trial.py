"""One fetch for somebody who is writing a source: what would be taken, what would not, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from monitoring.formats.batch import Batch, LeftOut, Name, name_fault, shown
from monitoring.pulls.definitions import PromqlQueries, Scrape
from monitoring.pulls.promql import Stretch, promql_requests, read_answers
from monitoring.pulls.pulled import Pulled
from monitoring.pulls.scraping import read_scrape, scrape_request
from postdeploy.lib.addresses import Network
from postdeploy.lib.http import fetch, fetch_many

#: More than this nobody reads.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One series as the page shows it."""

    series: str
    value: float
    at: datetime
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one fetch brought. `names` are all series that would be taken; `rows` the first of them."""

    pulled: Pulled
    names: tuple[Name, ...]
    rows: tuple[Row, ...]
    refused: tuple[LeftOut, ...]
    address: str = ""
    took_ms: float = 0.0

    @property
    def taken(self) -> int:
        """How many samples would be taken."""
        return len(self.pulled.batch) - self.unnamed if self.pulled.batch is not None else 0

    @property
    def unnamed(self) -> int:
        """How many samples are refused because of their name or labels."""
        return sum(left.count for left in self.refused if left.reason == "BAD_NAME")


def try_scrape(scrape: Scrape, networks: Iterable[Network | str], *, now_us: int, max_body: int) -> Trial:
    """Fetch a target once; nothing is stored. Raises RequestRefused when nothing can be sent."""
    outcome = fetch(scrape_request(scrape, max_body=max_body), networks)
    pulled = read_scrape(scrape, outcome, now_us=now_us)
    return _trial(pulled, address=outcome.address or "", took_ms=outcome.timings.total_ms)


def try_promql(asked: PromqlQueries, networks: Iterable[Network | str], *, now_us: int, max_body: int) -> Trial:
    """Ask every query once, for this moment; nothing is stored. Raises RequestRefused when nothing can be sent."""
    moment = now_us / 1e6
    outcomes = fetch_many(promql_requests(asked, Stretch(moment, moment, 1), max_body=max_body), networks)
    took = max((outcome.timings.total_ms for outcome in outcomes), default=0.0)
    return _trial(read_answers(asked, outcomes), address=outcomes[0].address or "", took_ms=took)


def _trial(pulled: Pulled, *, address: str, took_ms: float) -> Trial:
    batch = pulled.batch
    if batch is None:
        return Trial(pulled, (), (), (), address, took_ms)
    faults = {place: fault for place, name in enumerate(batch.names) if (fault := name_fault(name))}
    present = sorted(set(batch.of.tolist()))
    good = [place for place in present if place not in faults]
    return Trial(
        pulled,
        tuple(batch.names[place] for place in good),
        tuple(_rows(batch, good[:SHOWN])),
        (*batch.left_out, *_unnamed(batch, faults)),
        address,
        took_ms,
    )


def _rows(batch: Batch, places: Sequence[int]) -> Iterable[Row]:
    latest = {place: index for index, place in enumerate(batch.of.tolist())}
    for place in places:
        index, name = latest[place], batch.names[place]
        yield Row(shown(name), float(batch.values[index]), _at(int(batch.times_us[index])), name.environment)


def _at(time_us: int) -> datetime:
    """A sender may write any number for a time; what is no date is shown as the nearest one that is."""
    return datetime.fromtimestamp(min(max(time_us / 1e6, 0.0), 253_402_300_799.0), UTC)


def _unnamed(batch: Batch, faults: dict[int, str]) -> Iterable[LeftOut]:
    counts = Counter(place for place in batch.of.tolist() if place in faults)
    if counts:
        first = min(counts)
        yield LeftOut("BAD_NAME", faults[first], sum(counts.values()), shown(batch.names[first]))
