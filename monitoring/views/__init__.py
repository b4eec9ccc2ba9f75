"""Pages of this floor, one module a subject."""

from monitoring.views.check_list import all_checks, checks_bulk
from monitoring.views.check_page import check
from monitoring.views.checks import (
    check_delete,
    check_pause,
    check_read,
    check_resume,
)

__all__ = [
    "all_checks",
    "check",
    "check_delete",
    "check_pause",
    "check_read",
    "check_resume",
    "checks_bulk",
]
