"""Named locations: from where checks are polled. The empty name is home, where all that names none is polled."""

import re
from collections.abc import Collection

LONGEST = 30
#: What filters call the location without a name.
HOME = "home"
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def fault_of(name: str) -> str:
    """Return what is wrong with the name of a location, with the fix; empty for a good one, and for no name."""
    if name == HOME:
        return f"“{HOME}” is where checks without a location are polled: leave it empty."
    if not name or (len(name) <= LONGEST and _NAME.fullmatch(name)):
        return ""
    return f"Use small letters, digits and single hyphens, {LONGEST} at most, such as eu-west."


def queue_of(location: str, home_queue: str) -> str:
    """Return the queue of a location: that of home and the location's name, such as ``polls.eu-west``."""
    return f"{home_queue}.{location}" if location else home_queue


def queue_fault(location: str, queues: Collection[str], home_queue: str) -> str:
    """Return why a worker of this location must not read these queues, with the fix; empty when it may.

    It would read the checks of one location when it is woken for those of another.
    """
    own = queue_of(location, home_queue)
    if location and set(queues) != {own}:
        return f"LOCATION is {location}: its worker reads the queue {own} and no other; start it with --queues {own}"
    others = sorted(name for name in queues if name.startswith(f"{home_queue}."))
    if others and not location:
        wanted = others[0].removeprefix(f"{home_queue}.")
        return f"the queue {others[0]} is for workers of that location; start this one with LOCATION={wanted}"
    return ""
