"""Changes of the issue log: sightings in, moves through the process, proof by measurement."""

from issues.services.intake import open_issue, open_issues, record_occurrence
from issues.services.moves import Conflict, IssueRefused, assess_issue, comment, edit_issue, move_issue
from issues.services.proof import verify_issues
from issues.services.sightings import Sighting, sighting_of_finding, sighting_of_outage
from issues.services.story import MACHINE, Actor, add_event

__all__ = [
    "MACHINE",
    "Actor",
    "Conflict",
    "IssueRefused",
    "Sighting",
    "add_event",
    "assess_issue",
    "comment",
    "edit_issue",
    "move_issue",
    "open_issue",
    "open_issues",
    "record_occurrence",
    "sighting_of_finding",
    "sighting_of_outage",
    "verify_issues",
]
