"""Samples that we fetch: what is asked of a target, what of its answer is taken, and what went wrong. No database."""

from monitoring.pulls.definitions import (
    MAX_BACKFILL,
    ConfigRefused,
    PromqlQueries,
    Query,
    Scrape,
    queries_of,
)
from monitoring.pulls.promql import MAX_STEPS, Stretch, promql_requests, read_answers
from monitoring.pulls.pulled import Pulled
from monitoring.pulls.scraping import read_scrape, scrape_request
from monitoring.pulls.selection import Rule, RuleRefused, Selection, rules_of
from monitoring.pulls.trial import Trial, try_promql, try_scrape

__all__ = [
    "MAX_BACKFILL",
    "MAX_STEPS",
    "ConfigRefused",
    "PromqlQueries",
    "Pulled",
    "Query",
    "Rule",
    "RuleRefused",
    "Scrape",
    "Selection",
    "Stretch",
    "Trial",
    "promql_requests",
    "queries_of",
    "read_answers",
    "read_scrape",
    "rules_of",
    "scrape_request",
    "try_promql",
    "try_scrape",
]
