"""Plain TCP and TLS connections to the world, through the guard of HTTP: what counts is the address connected to.

Failures are one exception, ``SocketFailed``, with the same names as those of HTTP. Every wait ends at one deadline.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from postdeploy.lib.addresses import Network, refusal
from postdeploy.lib.http import Failure, Phase
from postdeploy.lib.http.exchange import ca_file
from postdeploy.lib.http.failures import no_connection, tls_reason

_Address = tuple[int, int, int, tuple[str, int] | tuple[str, int, int, int]]


class SocketFailed(Exception):
    """There is no connection, or it broke; the text is a clause without capital and full stop."""

    def __init__(self, failure: Failure, detail: str, phase: Phase | None = None) -> None:
        super().__init__(detail)
        self.failure = failure
        self.phase = phase


class Deadline:
    """A moment by which everything has to be over."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.began_at = time.perf_counter()

    def left(self, phase: Phase) -> float:
        """Seconds left; SocketFailed when there are none."""
        left = self.seconds - (time.perf_counter() - self.began_at)
        if left <= 0:
            raise self.passed(phase)
        return left

    def passed(self, phase: Phase) -> SocketFailed:
        """The failure that says so."""
        return SocketFailed(Failure.TIMEOUT, f"timed out after {self.seconds:.1f} s {phase.words}", phase)

    def spent_ms(self) -> float:
        """Milliseconds since the beginning."""
        return 1000 * (time.perf_counter() - self.began_at)


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection, the address it leads to, and how long the name and the connection took."""

    socket: socket.socket
    address: str
    dns_ms: float
    connect_ms: float


def open_socket(host: str, port: int, allowed_networks: Iterable[Network | str], deadline: Deadline) -> Opened:
    """Connect to the first address of a host that answers; SocketFailed says why there is none."""
    allowed = tuple(allowed_networks)
    addresses = look_up(host, port, deadline)
    dns_ms = deadline.spent_ms()
    failed: SocketFailed | None = None
    for address in addresses:
        if why := refusal(str(address[3][0]), allowed):
            failed = failed or SocketFailed(Failure.BLOCKED, why)
            continue
        try:
            opened = _connect(address, deadline)
        except SocketFailed as failure:
            if failure.failure is Failure.TIMEOUT:
                raise
            failed = failure
            continue
        return Opened(opened, str(address[3][0]), dns_ms, deadline.spent_ms() - dns_ms)
    raise failed or SocketFailed(Failure.DNS, f"the name {host} has no address")


def look_up(host: str, port: int, deadline: Deadline) -> list[_Address]:
    """The addresses of a host. The system's resolver knows no deadline, so it is asked in a thread of its own."""
    answer: queue.SimpleQueue[list[_Address] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put([(family, kind, protocol, peer) for family, kind, protocol, _, peer in found])  # type: ignore[misc]
        except (OSError, UnicodeError) as error:
            answer.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answer.get(timeout=deadline.left(Phase.DNS))
    except queue.Empty:
        raise deadline.passed(Phase.DNS) from None
    if isinstance(found, OSError):
        raise SocketFailed(Failure.DNS, f"the name {host} could not be resolved", Phase.DNS)
    return found


def _connect(address: _Address, deadline: Deadline) -> socket.socket:
    family, kind, protocol, peer = address
    opened = socket.socket(family, kind, protocol)
    try:
        opened.settimeout(deadline.left(Phase.CONNECT))
        opened.connect(peer)
    except TimeoutError:
        opened.close()
        raise deadline.passed(Phase.CONNECT) from None
    except OSError as error:
        opened.close()
        raise SocketFailed(*no_connection(error.errno or 0), Phase.CONNECT) from None
    except SocketFailed:
        opened.close()
        raise
    return opened


def start_tls(opened: socket.socket, server_name: str, deadline: Deadline) -> ssl.SSLSocket:
    """Shake hands and check the chain and the name; SocketFailed says what is wrong with them."""
    context = ssl.create_default_context(cafile=ca_file())
    try:
        opened.settimeout(deadline.left(Phase.TLS))
        return context.wrap_socket(opened, server_hostname=server_name)
    except TimeoutError:
        raise deadline.passed(Phase.TLS) from None
    except (OSError, ValueError) as error:
        raise SocketFailed(Failure.TLS, tls_reason(str(error)), Phase.TLS) from None


def receive(opened: socket.socket, size: int, deadline: Deadline, phase: Phase) -> bytes:
    """What has come, at most so many bytes; empty at the end of the stream."""
    try:
        opened.settimeout(deadline.left(phase))
        return opened.recv(size)
    except TimeoutError:
        raise deadline.passed(phase) from None
    except OSError:
        raise SocketFailed(Failure.RESET, f"the connection was reset {phase.words}", phase) from None
