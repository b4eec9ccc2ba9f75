"""Reads across all floors; all of them answer plain data in a fixed number of queries."""

from reports.selectors.activity import OVERLAP, changed_deployments
from reports.selectors.record import summary_record
from reports.selectors.story import Story, deployment_story

__all__ = ["OVERLAP", "Story", "changed_deployments", "deployment_story", "summary_record"]
