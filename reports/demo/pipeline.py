"""The demo's CI pipeline: reports two releases through the public API and waits for their verdicts.

A client like any other: standard library only, a token, JSON over HTTP. Run as
`python -m reports.demo.pipeline DATA_DIRECTORY SITE_URL`. It may be run again: what was reported is not reported twice.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.demo.state import DemoState, read_state

UNDECIDED = {"pending", "watching"}
GIVE_UP_SECONDS = 600.0

RELEASES: tuple[dict[str, Any], ...] = (
    {
        "version": "v1.0.0",
        "revision": "3f9c2ab7d1e84c0b95a6f2d37c81e4409b6d5a10",
        "system_changes": [
            {"component": "catalogue", "description": "Product pages read from the replica", "status": "done"},
            {"component": "mailer", "description": "Confirmations are sent in batches", "status": "done"},
        ],
        "configuration_changes": [
            {"setting": "CACHE_TTL", "old_value": "60", "value": "30", "purpose": "Prices change faster now"},
        ],
    },
    {
        "version": "v1.1.0",
        "revision": "8d97e4105ab3cf62e7719d04c85b2fa6310e9c4d",
        "system_changes": [
            {"component": "checkout", "description": "Address lookup while the customer types", "status": "done"},
        ],
        "configuration_changes": [
            {"setting": "ADDRESS_LOOKUP", "old_value": "off", "value": "on", "purpose": "Fewer wrong addresses"},
            {
                "setting": "LOOKUP_API_KEY",
                "value": "demo-key-that-is-never-stored",
                "purpose": "Signs in to the address service",
                "secret": True,
            },
        ],
    },
)


@dataclass(frozen=True)
class Pipeline:
    """One run of the pipeline against one installation."""

    state: DemoState
    site_url: str

    def run(self) -> None:
        """Release, report and wait, one version after the other."""
        for number, release in enumerate(RELEASES, start=1):
            self._deploy(f"demo-{number}", release)

    def _deploy(self, external_id: str, release: dict[str, Any]) -> None:
        report = {
            "project": self.state.project,
            "environment": "production",
            "status": "running",
            "source": "demo",
            "external_id": external_id,
            "deployed_by": "Mira Kowalski",
            **release,
        }
        deployment = self._api("POST", "/deployments", report)
        address = f"/deployments/{deployment['id']}"
        if deployment["status"] == "running":
            self._call("POST", f"{self.state.shop_url}/release", {"version": release["version"]})
            self._api("POST", f"{address}/finish", {"status": "succeeded"})
        self._wait_for_verdict(release["version"], f"{address}/verdict?until=extended")

    def _wait_for_verdict(self, version: str, address: str) -> None:
        """Say that we wait, and what came of it; nothing if it was decided in an earlier run."""
        verdict = self._api("GET", address)
        if verdict["state"] not in UNDECIDED:
            return
        print(f"{version} is live, waiting for its verdict", flush=True)  # noqa: T201
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while verdict["state"] in UNDECIDED and time.monotonic() < deadline:
            time.sleep(2)
            verdict = self._api("GET", address)
        print(f"{version}: {verdict['state']}. {verdict['sentence']}", flush=True)  # noqa: T201

    def _api(self, method: str, address: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._call(method, f"{self.site_url}/api/v1{address}", body, token=self.state.token)

    def _call(self, method: str, url: str, body: dict[str, Any] | None, token: str = "") -> dict[str, Any]:
        request = urllib.request.Request(url, method=method)  # noqa: S310 - our own two addresses
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
        return answer


def main(var: Path, site_url: str) -> int:
    """Run the pipeline; 0 when it is done, 1 when the installation answered with an error (it may be run again)."""
    state = read_state(var)
    if state is None:
        return 0
    try:
        Pipeline(state, site_url.rstrip("/")).run()
    except urllib.error.HTTPError as error:
        print(f"{error.url} answered {error.code}: {error.read().decode(errors='replace')[:500]}")  # noqa: T201
        return 1
    except OSError as error:
        print(f"cannot reach the installation or the shop: {error}")  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
