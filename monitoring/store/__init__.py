"""The only place that writes or reads samples. Nothing outside knows how they are kept.

Times go in as microseconds since 1970 and come out as seconds since 1970 (float64): that is what arithmetic and charts
want. What was appended can be read at once; `compact` folds it into fewer bytes, `drop_expired` forgets it in time.
"""

from monitoring.store.compaction import compact
from monitoring.store.figures import day_sizes, figures, waiting
from monitoring.store.log import append
from monitoring.store.reading import latest, read, tail
from monitoring.store.retention import drop_expired, hold
from monitoring.store.shapes import (
    NOTHING,
    DaySizes,
    Floats,
    Ints,
    Microseconds,
    Rollups,
    Sample,
    Samples,
    StoreFigures,
    microseconds,
    moment,
)
from monitoring.store.summaries import percentiles, rollups
from monitoring.store.thinning import thin

__all__ = [
    "NOTHING",
    "DaySizes",
    "Floats",
    "Ints",
    "Microseconds",
    "Rollups",
    "Sample",
    "Samples",
    "StoreFigures",
    "append",
    "compact",
    "day_sizes",
    "drop_expired",
    "figures",
    "hold",
    "latest",
    "microseconds",
    "moment",
    "percentiles",
    "read",
    "rollups",
    "tail",
    "thin",
    "waiting",
]
