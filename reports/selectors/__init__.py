"""Reads across all floors; all of them answer plain data in a fixed number of queries."""

from reports.selectors.activity import OVERLAP, changed_deployments
from reports.selectors.happenings import GROUPS, Happening
from reports.selectors.lists import (
    DeploymentFilter,
    DeploymentRow,
    DeploymentsPage,
    deployment_rows,
    deployments_page,
    summaries_page,
    summary_of,
)
from reports.selectors.overview import Overview, overview, overview_cards
from reports.selectors.pages import BadPosition, Page
from reports.selectors.record import finding_words, summary_record
from reports.selectors.story import Story, deployment_story

__all__ = [
    "GROUPS",
    "OVERLAP",
    "BadPosition",
    "DeploymentFilter",
    "DeploymentRow",
    "DeploymentsPage",
    "Happening",
    "Overview",
    "Page",
    "Story",
    "changed_deployments",
    "deployment_rows",
    "deployment_story",
    "deployments_page",
    "finding_words",
    "overview",
    "overview_cards",
    "summaries_page",
    "summary_of",
    "summary_record",
]
