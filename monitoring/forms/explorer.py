"""What the address of the explorer and of trends asks; what is unknown asks nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.http import QueryDict

from deployments.models import Environment
from monitoring.forms.filters import SpanForm
from monitoring.selectors.buckets import WAYS
from monitoring.selectors.drawing import Query
from monitoring.selectors.explorer import MOST_RELEASES, SPLIT_BY_ENVIRONMENT
from monitoring.selectors.subjects import Subject

#: So many labels narrow a query; more are nobody's wish.
MOST_LABELS = 10


class ExplorerForm:
    """The query of an address: metric, environment (several), label (several), how, split, compare, over, from, to."""

    def __init__(self, query: QueryDict, subjects: Sequence[Subject], environments: Sequence[Environment]) -> None:
        self.asked = query
        self.subjects = {subject.key: subject for subject in subjects}
        self.known = environments

    @property
    def subject(self) -> Subject | None:
        """Return what is asked for; None when nothing is, or it is not known here."""
        return self.subjects.get(self.asked.get("metric", ""))

    @property
    def environments(self) -> list[Environment]:
        """Return the environments that are named, all of them when none is."""
        named = set(self.asked.getlist("environment"))
        return [row for row in self.known if row.name in named] or list(self.known)

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels that narrow it, each in the address as name:value; of one name the last counts."""
        pairs = [text.partition(":") for text in self.asked.getlist("label")[:MOST_LABELS]]
        return {name: value for name, colon, value in pairs if colon and name and value}

    def query(self, now: datetime, *, columns: int, default: str = "24h") -> Query | None:
        """Return what is asked as the selectors want it."""
        subject = self.subject
        if subject is None or not self.known:
            return None
        how = self.asked.get("how", "")
        return Query(
            subject=subject,
            environments=self.environments,
            span=SpanForm(self.asked).span(now, default),
            how=how if how in WAYS else usual_way(subject),
            labels=self.labels,
            split=self.asked.get("split", SPLIT_BY_ENVIRONMENT if len(self.environments) > 1 else "")[:120],
            compare=self._compare(),
            columns=columns,
        )

    def _compare(self) -> int:
        text = self.asked.get("compare", "")
        return min(int(text), MOST_RELEASES) if text.isdecimal() and len(text) < 3 else 0


def usual_way(subject: Subject) -> str:
    """Return how the series of a subject are summed up when nobody says."""
    return "sum" if subject.adds_up else "mean"


def number_of(query: Mapping[str, str], name: str) -> float | None:
    """Return a number of the address, None when there is none or it is no number."""
    try:
        value = float(query.get(name, "").replace(",", "."))
    except ValueError:
        return None
    return value if abs(value) < 1e300 else None
