"""Pages of this floor, one module a subject."""

from monitoring.views.checks import (
    check,
    check_add,
    check_delete,
    check_edit,
    check_pause,
    check_read,
    check_resume,
    checks,
)
from monitoring.views.watching import settings_watching

__all__ = [
    "check",
    "check_add",
    "check_delete",
    "check_edit",
    "check_pause",
    "check_read",
    "check_resume",
    "checks",
    "settings_watching",
]
