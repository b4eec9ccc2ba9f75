"""The demo's shop: a real HTTP service on loopback, standard library only, with versions that behave differently.

Run as `python -m reports.demo.service DATA_DIRECTORY`. It ends by itself when the demo's state file is gone.
"""

import json
import random
import sys
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from reports.demo.state import read_state


@dataclass(frozen=True)
class Behaviour:
    """How one version answers: typical time in seconds, and the share of checkouts that fail."""

    seconds: float
    checkout_failures: float


VERSIONS = {
    "v1.0.0": Behaviour(seconds=0.020, checkout_failures=0.0),
    "v1.1.0": Behaviour(seconds=0.350, checkout_failures=1.0),
}
FIRST_VERSION = "v1.0.0"
LONGEST_BODY = 10_000


class Shop(ThreadingHTTPServer):
    """The shop, running one version at a time."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, version_file: Path | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.version_file = version_file
        self.version = self._remembered()

    @property
    def behaviour(self) -> Behaviour:
        """How the running version behaves."""
        return VERSIONS[self.version]

    def release(self, version: str) -> None:
        """Run `version` from now on, also after a restart."""
        self.version = version
        if self.version_file:
            self.version_file.write_text(version)

    def _remembered(self) -> str:
        if self.version_file and self.version_file.exists():
            version = self.version_file.read_text().strip()
            return version if version in VERSIONS else FIRST_VERSION
        return FIRST_VERSION


class Handler(BaseHTTPRequestHandler):
    """Answers the shop's few addresses."""

    protocol_version = "HTTP/1.1"
    server: Shop

    def do_GET(self) -> None:
        """Serve health, search and checkout, as fast and as well as the running version can."""
        behaviour = self.server.behaviour
        time.sleep(behaviour.seconds * random.uniform(0.8, 1.3))  # noqa: S311 - not for secrets
        if self.path == "/checkout" and random.random() < behaviour.checkout_failures:  # noqa: S311
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "address lookup timed out"})
        elif self.path in ("/", "/health", "/search", "/checkout"):
            self._answer(HTTPStatus.OK, {"status": "ok", "version": self.server.version})
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_POST(self) -> None:
        """Switch the running version (`/release`), or take in a notification (`/hooks`)."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LONGEST_BODY))
        if self.path == "/hooks":
            self._answer(HTTPStatus.OK, {"received": True})
            return
        version = self._asked_version(body) if self.path == "/release" else None
        if version is None:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": f"unknown version; known: {', '.join(VERSIONS)}"})
            return
        self.server.release(version)
        self._answer(HTTPStatus.OK, {"version": version})

    def _asked_version(self, body: bytes) -> str | None:
        try:
            version = json.loads(body)["version"]
        except (ValueError, KeyError, TypeError):
            return None
        return version if isinstance(version, str) and version in VERSIONS else None

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet: a poll every two seconds is no news."""


def stop_when_removed(shop: Shop, var: Path, *, every_seconds: float = 2.0) -> None:
    """Shut `shop` down once the demo has been removed."""
    while read_state(var) is not None:
        time.sleep(every_seconds)
    shop.shutdown()


def main(var: Path) -> None:
    """Serve the shop until the demo is removed."""
    state = read_state(var)
    if state is None:
        return
    shop = Shop(state.port, var / "demo.version")
    threading.Thread(target=stop_when_removed, args=(shop, var), daemon=True).start()
    shop.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
