"""Names seen for the first time: their environments, metrics and series are found or made, within the project's limits.

A name that the catalogue knows lands in the catalogue's metric, in its unit, unless the project has a metric under the
name itself. Of a histogram that the catalogue knows the average becomes the catalogue's metric: a ratio.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from deployments.models import Environment, Project
from deployments.services import ensure_environment
from monitoring.catalogue import BY_KEY as CATALOGUE_KEYS
from monitoring.catalogue import Known, Landing, factor, guess, landing, mean_of
from monitoring.catalogue.landing import COUNT, SUM
from monitoring.formats.batch import Facts, LeftOut, Name, name_fault, shown
from monitoring.formats.samples import labels_digest
from monitoring.models import Metric, MetricLimits, Series, SourceKind

#: More than anybody has; a label that is no environment would make one for each of its values.
MOST_ENVIRONMENTS = 50
#: Senders of everything they have: what the process does not name is kept, but does not judge a deployment.
SENDS_EVERYTHING = {SourceKind.REMOTE_WRITE, SourceKind.OTLP, SourceKind.PUSHGATEWAY, SourceKind.SCRAPE}

#: The environment and the name, as they were sent.
Place = tuple[str, Name]


class SeriesMeant(NamedTuple):
    """The series that a name means, and what its values are multiplied by to be in the metric's unit."""

    series: int
    factor: float = 1.0


class NamesRefused(Exception):
    """Some of the names cannot be stored; why, by name in the order they were sent."""

    def __init__(self, refused: Mapping[Place, LeftOut]) -> None:
        super().__init__(next(iter(refused.values())).sentence)
        self.refused = dict(refused)


class _Target(NamedTuple):
    """A series to be: its environment's id, the key of its metric, its labels and their digest."""

    environment: int
    metric: str
    labels: tuple[tuple[str, str], ...]

    @property
    def key(self) -> tuple[int, str, str]:
        return self.environment, self.metric, labels_digest(dict(self.labels))


class Learner:
    """Learns the places of one request; `meant`, `refused` and `generation` say what came of it."""

    def __init__(
        self, project_id: int, *, facts: Mapping[str, Facts], kind: str, is_partial: bool, now: datetime
    ) -> None:
        self.project = Project(pk=project_id)
        self.facts, self.kind, self.is_partial, self.now = facts, kind, is_partial, now
        self.meant: dict[Place, SeriesMeant] = {}
        self.refused: dict[Place, LeftOut] = {}
        self.generation = 0

    def learn(self, places: Sequence[Place]) -> None:
        """Find or make all that is needed; NamesRefused (and nothing is made) unless parts may be left out."""
        with transaction.atomic():
            MetricLimits.objects.get_or_create(project_id=self.project.pk)
            limits = MetricLimits.objects.select_for_update().get(project_id=self.project.pk)
            self.generation = limits.generation
            self._learn(places, limits.max_series)
            if self.refused and not self.is_partial:
                raise NamesRefused(self.refused)

    def _learn(self, places: Sequence[Place], max_series: int) -> None:
        good = [place for place in places if self._is_good(place)]
        environments = self._environments({environment for environment, _ in good})
        metrics = _Metrics(self.project, self.facts, self.kind, self.now)
        metrics.know({name.metric for _, name in good})
        targets: dict[Place, tuple[_Target, float]] = {}
        for environment, name in good:
            if environment not in environments:
                self._refuse((environment, name), "TOO_MANY_ENVIRONMENTS", TOO_MANY_ENVIRONMENTS)
                continue
            try:
                key, times = metrics.land(name)
            except _OtherUnit as other:
                self._refuse((environment, name), "BAD_VALUE", str(other))
            else:
                targets[environment, name] = _Target(environments[environment], key, name.labels), times
        series = self._found_or_made([target for target, _ in targets.values()], metrics, max_series)
        for place, (target, times) in targets.items():
            if target.key in series:
                self.meant[place] = SeriesMeant(series[target.key], times)
            else:
                self._refuse(place, "TOO_MANY_SERIES", _too_many(max_series))

    def _is_good(self, place: Place) -> bool:
        environment, name = place
        if not environment:
            self._refuse(place, "NO_ENVIRONMENT", NO_ENVIRONMENT)
        elif fault := name_fault(name):
            self._refuse(place, "BAD_NAME", fault)
        return place not in self.refused

    def _refuse(self, place: Place, reason: str, sentence: str) -> None:
        self.refused[place] = LeftOut(reason, sentence, 0, shown(place[1]))

    def _environments(self, names: Collection[str]) -> dict[str, int]:
        """Return the ids of environments by the names they were sent under; a new one is made while there is room."""
        known = {name.lower(): pk for pk, name in Environment.objects.of(self.project).values_list("pk", "name")}
        found: dict[str, int] = {}
        for name in sorted(names):
            stripped = name.strip()
            if stripped.lower() not in known and len(known) < MOST_ENVIRONMENTS and stripped:
                made = ensure_environment(project=self.project, name=stripped, now=self.now)
                known[stripped.lower()] = made.pk
            if stripped.lower() in known:
                found[name] = known[stripped.lower()]
        return found

    def _found_or_made(
        self, targets: Sequence[_Target], metrics: "_Metrics", max_series: int
    ) -> dict[tuple[int, str, str], int]:
        """Return the ids of the series of `targets`; those for which there is no room are not in it."""
        found = self._known_series(targets)
        missing = list({target.key: target for target in targets if target.key not in found}.values())
        room = max_series - Series.objects.filter(metric__project=self.project.pk).count() if missing else 0
        if room <= 0:
            return found
        metrics.make_missing({target.metric for target in missing[:room]})
        averages = [metrics.average_of(target) for target in missing[:room]]
        made = [self._new_series(target, metrics.rows[target.metric]) for target in missing[:room]]
        made += [self._new_series(average, metrics.rows[average.metric]) for average in averages if average]
        Series.objects.bulk_create(made, ignore_conflicts=True)
        return self._known_series(targets)

    def _known_series(self, targets: Iterable[_Target]) -> dict[tuple[int, str, str], int]:
        by_environment: defaultdict[int, list[_Target]] = defaultdict(list)
        for target in targets:
            by_environment[target.environment].append(target)
        found: dict[tuple[int, str, str], int] = {}
        for environment, wanted in by_environment.items():
            rows = Series.objects.filter(
                environment=environment,
                metric__key__in={target.metric for target in wanted},
                labels_digest__in={target.key[2] for target in wanted},
            )
            for pk, key, digest in rows.values_list("pk", "metric__key", "labels_digest"):
                found[environment, str(key), digest] = pk
        return found

    def _new_series(self, target: _Target, metric: Metric) -> Series:
        return Series(
            environment_id=target.environment,
            metric=metric,
            labels=dict(target.labels),
            labels_digest=target.key[2],
            created_at=self.now,
        )


class _OtherUnit(Exception):
    """The unit that was sent cannot be converted into the metric's; the text is a sentence."""


class _Metrics:
    """The metrics of a project that a request needs."""

    def __init__(self, project: Project, facts: Mapping[str, Facts], kind: str, now: datetime) -> None:
        self.project, self.facts, self.kind, self.now = project, facts, kind, now
        self.rows: dict[str, Metric] = {}
        self._new: dict[str, Metric] = {}
        self._stored: frozenset[str] = frozenset()

    def know(self, names: Collection[str]) -> None:
        """Read the metrics of these names, and those in which they may land."""
        keys = set(names)
        for name in names:
            if found := mean_of(name):
                keys |= {found[0] + SUM, found[0] + COUNT, found[1].known.key}
        self._read(keys | set(CATALOGUE_KEYS))
        self._stored = frozenset(self.rows)

    def land(self, name: Name) -> tuple[str, float]:
        """Return the key of the metric a name belongs to, and what its values are multiplied by.

        Raises _OtherUnit when there is no such number.
        """
        said = name.unit or self.facts.get(name.metric, _UNSAID).unit
        found = landing(name.metric, dict(name.labels))
        # Some series of a name may belong to the catalogue and others not: those keep the name beside it.
        if found and (name.metric not in self._stored or found.alias.is_choosy):
            row = self._landed(found)
            unit = said or found.alias.unit
            times = factor(unit, row.unit) or factor(found.alias.unit, row.unit)
            if times and row.is_counter == found.alias.is_counter and not row.is_ratio:
                self._want(row)
                return row.key, times
        if name.metric not in self.rows:
            self._want(self._guessed(name.metric))
        return name.metric, _times(name.metric, said, self.rows[name.metric].unit)

    def make_missing(self, keys: Collection[str]) -> None:
        """Store those of `keys` that are new, and the averages of histograms that the catalogue knows."""
        new = [self._new.pop(key) for key in sorted(keys & self._new.keys())]
        if not new:
            return
        Metric.objects.bulk_create(new, ignore_conflicts=True)
        self._read({row.key for row in new})
        averages = [found for row in new if (found := mean_of(row.key))]
        for family, lands in averages:
            self._make_average(family, lands)

    def average_of(self, target: _Target) -> _Target | None:
        """Return the series of the average that goes with the count of a histogram."""
        found = mean_of(target.metric)
        if found is None or not target.metric.endswith(COUNT):
            return None
        average = self.rows.get(found[1].known.key)
        total = self.rows.get(found[0] + SUM)
        if average is None or total is None or average.denominator_id != self.rows[target.metric].pk:
            return None
        return _Target(target.environment, average.key, target.labels)

    def _read(self, keys: Collection[str]) -> None:
        self.rows |= {row.key: row for row in Metric.objects.filter(project=self.project.pk, key__in=keys)}

    def _want(self, row: Metric) -> None:
        if row._state.adding:
            self._new[row.key] = row
            self.rows[row.key] = row

    def _landed(self, found: Landing) -> Metric:
        return self.rows.get(found.known.key) or self._catalogued(found.known, is_counter=found.alias.is_counter)

    def _catalogued(self, known: Known, *, is_counter: bool = False) -> Metric:
        return Metric(
            project=self.project,
            key=known.key,
            name=known.name,
            unit=known.unit,
            kind=known.kind,
            category=known.category,
            bad_direction=known.bad_direction,
            least_change=known.least_change,
            least_change_absolute=known.least_change_absolute,
            how=known.how,
            is_counter=is_counter,
            created_at=self.now,
        )

    def _guessed(self, key: str) -> Metric:
        said = self.facts.get(key, _UNSAID)
        if known := CATALOGUE_KEYS.get(key):
            made = self._catalogued(known, is_counter=said.is_counter)
            made.unit = said.unit or made.unit
            return made
        found = guess(key, said.unit)
        is_everything = self.kind in SENDS_EVERYTHING
        return Metric(
            project=self.project,
            key=key,
            name=found.name,
            unit=found.unit,
            kind=found.kind,
            category=found.category,
            bad_direction=found.bad_direction,
            description=said.description,
            is_counter=said.is_counter,
            is_muted=is_everything,
            must_have_data=not is_everything,
            created_at=self.now,
        )

    def _make_average(self, family: str, found: Landing) -> None:
        """Make the catalogue's metric the quotient of a histogram's sum and count, unless it is something already."""
        total, count = self.rows.get(family + SUM), self.rows.get(family + COUNT)
        if found.known.key in self.rows or total is None or count is None:
            return
        made = self._catalogued(found.known)
        made.numerator, made.denominator = total, count
        made.scale = factor(total.unit or found.alias.unit, made.unit) or 1.0
        Metric.objects.bulk_create([made], ignore_conflicts=True)
        self._read([made.key])


NO_ENVIRONMENT = (
    "The samples do not say which environment they are of. Add the label or resource attribute"
    " deployment.environment.name (or environment), ?environment=production to the address, or choose one for this"
    " source on the page Sources."
)
TOO_MANY_ENVIRONMENTS = (
    f"The project has {MOST_ENVIRONMENTS} environments; samples make no more. What tells environments apart is most"
    " likely something else."
)
_UNSAID = Facts()


def _times(metric: str, said: str, kept: str) -> float:
    """Return what values in the unit `said` are multiplied by to be in `kept`; where one is not known, by 1."""
    if not said or not kept:
        return 1.0
    times = factor(said, kept)
    if times is None:
        sentence = f"The unit “{said}” cannot be converted: {metric[:80]} is kept in {kept}. Send {kept}, or no unit."
        raise _OtherUnit(sentence)
    return times


def _too_many(max_series: int) -> str:
    return (
        f"The project may have {max_series:,} series and has them. A label with many values, such as an id, is the"
        " usual cause: leave it out, or let a maintainer raise the limit on the page Sources."
    )
