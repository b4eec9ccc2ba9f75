"""Fetching a target in Prometheus' text format, and what of it is taken."""

from dataclasses import replace

import numpy as np

from monitoring.formats.batch import Batch, BodyRefused
from monitoring.formats.exposition import read_exposition
from monitoring.pulls.definitions import Scrape
from monitoring.pulls.pulled import Pulled, fetch_problem
from postdeploy.lib.http import Outcome, Request

_ACCEPT = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
_BINARY = ("application/vnd.google.protobuf",)


def scrape_request(scrape: Scrape, *, max_body: int) -> Request:
    """Return the request that asks a target for its samples; RequestRefused when it cannot be sent."""
    headers = {"Accept": _ACCEPT, "X-Prometheus-Scrape-Timeout-Seconds": f"{scrape.timeout_s:g}"}
    return Request(
        url=scrape.url,
        headers=headers | scrape.credentials.headers(),
        timeout_s=scrape.timeout_s,
        follow=True,
        max_body=max_body,
        refuse_large=True,
    )


def read_scrape(scrape: Scrape, outcome: Outcome, *, now_us: int) -> Pulled:
    """Return what an answer brought; samples without a time of their own are of `now_us`."""
    if problem := fetch_problem(outcome):
        return Pulled(problem=problem)
    assert outcome.response is not None
    if (outcome.response.header("Content-Type") or "").startswith(_BINARY):
        return Pulled(problem="The target answers in protobuf only; the text format is needed.")
    try:
        batch = read_exposition(outcome.response.text, now_us=now_us, labels=scrape.labels)
    except BodyRefused as refused:
        return Pulled(problem=f"The answer is not in Prometheus' text format. {refused.detail}")
    if not scrape.honour_times:
        batch = _at(batch, now_us)
    offered = len(batch) + sum(left.count for left in batch.left_out)
    taken, dropped = scrape.selection.apply(batch)
    return Pulled(batch=taken, offered=offered, dropped=dropped, is_answered=True)


def _at(batch: Batch, now_us: int) -> Batch:
    return replace(batch, times_us=np.full(len(batch), now_us, dtype=np.int64))
