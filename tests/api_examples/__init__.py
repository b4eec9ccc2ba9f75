"""One request for each success, and for each refusal of its own, of every operation of the API.

`tests/postdeploy/test_openapi.py` requires one for every documented answer, and derives those that all share.
"""

from tests.api_examples import alerts, checks, issues, summaries, verdicts, ways_in
from tests.api_examples.deployments import nobody
from tests.api_examples.registry import EXAMPLES

__all__ = ["EXAMPLES", "alerts", "checks", "issues", "nobody", "summaries", "verdicts", "ways_in"]
