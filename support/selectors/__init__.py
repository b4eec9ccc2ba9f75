"""Reads of the support floor: the issue log with its clocks, one issue's story, who has what, guides."""

from support.selectors.clocks import Clock, at_tier, clocks
from support.selectors.log import LOG_TABS, IssueLog, LogFilter, issue_log
from support.selectors.story import IssueStory, issue_story
from support.selectors.structure import Structure, guide_groups, latest_notifications, structure

__all__ = [
    "LOG_TABS",
    "Clock",
    "IssueLog",
    "IssueStory",
    "LogFilter",
    "Structure",
    "at_tier",
    "clocks",
    "guide_groups",
    "issue_log",
    "issue_story",
    "latest_notifications",
    "structure",
]
