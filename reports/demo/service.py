"""The demo's shop: a real HTTP service on loopback, standard library only, with versions that behave differently.

Run as `python -m reports.demo.service DATA_DIRECTORY SITE_URL`. It ends by itself when the demo's state file is gone.
"""

import json
import random
import sys
import threading
import time
import urllib.request
from contextlib import suppress
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
LOOKUP_FAILED = {"error": "address lookup timed out"}
#: How often the shop's job runs.
EXPORT_SECONDS = 10
#: What the shop has sold before the demo began.
ORDERS_SO_FAR = 1840


class Shop(ThreadingHTTPServer):
    """The shop, running one version at a time."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, version_file: Path | None = None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.version_file = version_file
        self.orders = self.payments = ORDERS_SO_FAR
        self._books = threading.Lock()
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

    def book(self, *, is_paid: bool) -> int:
        """Write an order into the books, and its payment; return its number."""
        with self._books:
            self.orders += 1
            self.payments += is_paid
            return self.orders

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
        """Serve health, search, checkout and the books, as fast and as well as the running version can."""
        self._take_time()
        if self.path == "/checkout" and self._fails():
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, LOOKUP_FAILED)
        elif self.path == "/books":
            self._answer(HTTPStatus.OK, {"orders": self.server.orders, "payments": self.server.payments})
        elif self.path in ("/", "/health", "/search", "/checkout"):
            self._answer(HTTPStatus.OK, {"status": "ok", "version": self.server.version})
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such page"})

    def do_POST(self) -> None:
        """Take a cart, an order, a notification (`/hooks`), or switch the running version (`/release`)."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LONGEST_BODY))
        if self.path == "/hooks":
            self._answer(HTTPStatus.OK, {"received": True})
        elif self.path == "/cart":
            self._take_time()
            self._answer(HTTPStatus.CREATED, {"cart": f"c-{random.randrange(10**6):06}"})  # noqa: S311
        elif self.path.startswith("/cart/"):
            self._order()
        else:
            self._release(body)

    def _take_time(self) -> None:
        time.sleep(self.server.behaviour.seconds * random.uniform(0.8, 1.3))  # noqa: S311 - not for secrets

    def _fails(self) -> bool:
        return random.random() < self.server.behaviour.checkout_failures  # noqa: S311

    def _order(self) -> None:
        """Check a cart out: an order, and its payment unless the address lookup fails in between."""
        self._take_time()
        is_paid = not self._fails()
        number = self.server.book(is_paid=is_paid)
        if is_paid:
            self._answer(HTTPStatus.OK, {"status": "paid", "order": number})
        else:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, LOOKUP_FAILED)

    def _release(self, body: bytes) -> None:
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


def export_orders(ping_url: str, *, every_seconds: float = EXPORT_SECONDS) -> None:
    """The shop's regular job: it exports orders somewhere, and says each time that it ran."""
    while True:
        with suppress(OSError):  # the installation may be starting, or restarting
            urllib.request.urlopen(ping_url, timeout=5).close()  # noqa: S310 - our own address
        time.sleep(every_seconds)


def main(var: Path, site_url: str = "") -> None:
    """Serve the shop, and run its job, until the demo is removed."""
    state = read_state(var)
    if state is None:
        return
    shop = Shop(state.port, var / "demo.version")
    threading.Thread(target=stop_when_removed, args=(shop, var), daemon=True).start()
    if site_url and state.ping_path:
        threading.Thread(target=export_orders, args=(site_url.rstrip("/") + state.ping_path,), daemon=True).start()
    shop.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
