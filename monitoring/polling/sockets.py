"""How many sockets a process may have open."""

import resource
from functools import cache

MANY_FILES = 65_536


@cache
def allow_many_files() -> None:
    """Raise the limit of open files as far as the system lets us: 1024 is soon reached by connections that are kept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
