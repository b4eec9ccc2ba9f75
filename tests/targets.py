"""A real HTTP server that tests control: every answer, and every way not to answer properly.

    with Target() as target:
        target.set(status=500, delay=0.2)               # every path
        target.set("/healthz", json={"status": "up"})   # one path, wins over the above
        target.queue(Answer(status=503), Answer())      # the next two requests, then as set
        ...  target.url, target.requests, target.wait_for(2)

It is also the sink for webhooks: ``target.requests`` keeps method, path, headers and body of all that arrived.
"""

import json as json_module
import os
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MODES = {
    "normal",
    "reset",  # cut the connection hard after the request
    "close",  # end the connection without a byte
    "silent",  # accept, read, never answer
    "half_body",  # promise more body than is sent, then close
    "endless_body",  # send body until the client goes away
    "endless_headers",  # never finish the headers
    "slow_headers",  # one header a moment, for ever
    "garbage",  # bytes that are not HTTP
    "http09",  # a body without status line and headers
}


@dataclass(frozen=True)
class Answer:
    """What a request gets. ``delay`` is before the first byte, ``drip`` between two bytes of the body (seconds)."""

    status: int = 200
    body: bytes | str = b"ok"
    json: object = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    size: int | None = None
    redirect: str | None = None
    mode: str = "normal"
    keep_alive: bool = True

    def __post_init__(self):
        assert self.mode in MODES, f"unknown mode {self.mode}; one of {sorted(MODES)}"

    @property
    def content(self) -> bytes:
        if self.size is not None:
            return b"x" * self.size
        if self.json is not None:
            return json_module.dumps(self.json).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body

    def head(self, length: int | None) -> bytes:
        status = 302 if self.redirect and self.status == 200 else self.status
        headers = {"Content-Type": "application/json" if self.json is not None else "text/plain"}
        if length is not None and status >= 200 and status not in (204, 304):
            headers["Content-Length"] = str(length)
        if self.redirect:
            headers["Location"] = self.redirect
        if not self.keep_alive:
            headers["Connection"] = "close"
        lines = [
            f"HTTP/1.1 {status} Said So",
            *(f"{name}: {value}" for name, value in (headers | self.headers).items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class Received:
    """One request as it arrived; header names are in lower case, ``connection`` counts the TCP connections."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    at: float

    def json(self):
        return json_module.loads(self.body)


class Target:
    """An HTTP/1.1 server on a free loopback port, one thread a connection. Use it as a context manager."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: "Certificate | None" = None):
        self._answers: dict[str | None, Answer] = {None: Answer()}
        self._queues: dict[str | None, deque[Answer]] = defaultdict(deque)
        self._arrived = threading.Condition()
        self._requests: list[Received] = []
        self._open: set[socket.socket] = set()
        self._stopping = threading.Event()
        self._context = tls.server_context() if tls else None
        self.connections = 0
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
        self.host, self.port = host, self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, path: str | None = None, **answer) -> None:
        """From now on requests of this path (without one: of every path) get ``Answer(**answer)``."""
        self._answers[path] = Answer(**answer)

    def queue(self, *answers: Answer, path: str | None = None) -> None:
        """The next requests get these answers, one each."""
        self._queues[path].extend(answers)

    def chain(self, hops: int, path: str = "/hop") -> str:
        """Set up a chain of redirects; return the URL that takes this many of them to reach a 200."""
        for hop in range(hops, 0, -1):
            self.set(f"{path}/{hop}", redirect=f"{path}/{hop - 1}")
        return f"{self.url}{path}/{hops}"

    @property
    def requests(self) -> list[Received]:
        with self._arrived:
            return list(self._requests)

    def clear(self) -> None:
        """Forget the requests that arrived."""
        with self._arrived:
            self._requests.clear()

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Received]:
        """The requests, once there are at least ``count`` of them; fails after ``timeout`` seconds."""
        with self._arrived:
            enough = self._arrived.wait_for(lambda: len(self._requests) >= count, timeout)
            assert enough, f"{len(self._requests)} requests arrived in {timeout} s, expected {count}"
            return list(self._requests)

    def close(self) -> None:
        """Stop listening and cut every connection: the port is dead afterwards."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        plain = connection
        with suppress(OSError, ssl.SSLError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            stream = connection.makefile("rb")
            try:
                while (request := self._read(stream, number)) and not self._stopping.is_set():
                    if not self._answer(connection, request):
                        break
            except ValueError:  # no HTTP/1.1; a close with bytes unread is a reset, maybe before our answer is read
                plain.shutdown(socket.SHUT_WR)
                stream.read()
        self._open.discard(plain)
        with suppress(OSError):
            connection.close()

    def _read(self, stream, number: int) -> Received | None:
        first = stream.readline(65536)
        if not first.strip():
            return None
        method, path, _ = first.decode("latin-1").split(" ", 2)
        headers = {}
        while (line := stream.readline(65536).decode("latin-1")).strip():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        received = Received(method, path, headers, body, number, time.monotonic())
        with self._arrived:
            self._requests.append(received)
            self._arrived.notify_all()
        return received

    def _answer_for(self, path: str) -> Answer:
        bare = path.partition("?")[0]
        for key in (bare, None):
            with suppress(IndexError):
                return self._queues[key].popleft()
        return self._answers.get(bare, self._answers[None])

    def _answer(self, connection: socket.socket, request: Received) -> bool:
        """Send the answer; return whether the connection stays open."""
        answer = self._answer_for(request.path)
        if answer.delay and self._stopping.wait(answer.delay):
            return False
        if answer.mode != "normal":
            getattr(self, f"_send_{answer.mode}")(connection, answer)
            return False
        head = answer.head(len(answer.content))
        content = b"" if request.method == "HEAD" or answer.status in (204, 304) else answer.content
        if answer.drip:
            connection.sendall(head)
            self._drip(connection, content, answer.drip)
        else:
            connection.sendall(head + content)
        return answer.keep_alive and request.headers.get("connection") != "close"

    def _drip(self, connection: socket.socket, content: bytes, drip: float) -> None:
        for at in range(len(content)):
            connection.sendall(content[at : at + 1])
            if self._stopping.wait(drip):
                return

    def _send_reset(self, connection: socket.socket, answer: Answer) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())

    def _send_close(self, connection: socket.socket, answer: Answer) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    def _send_silent(self, connection: socket.socket, answer: Answer) -> None:
        self._stopping.wait(60)

    def _send_half_body(self, connection: socket.socket, answer: Answer) -> None:
        connection.sendall(answer.head(len(answer.content) + 100) + answer.content)

    def _send_endless_body(self, connection: socket.socket, answer: Answer) -> None:
        connection.sendall(answer.head(None) + b"\r\n")
        while not self._stopping.is_set():
            connection.sendall(b"x" * 65536)

    def _send_endless_headers(self, connection: socket.socket, answer: Answer) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not self._stopping.is_set():
            connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")

    def _send_slow_headers(self, connection: socket.socket, answer: Answer) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not self._stopping.wait(0.05):
            connection.sendall(b"X-More: yes\r\n")

    def _send_garbage(self, connection: socket.socket, answer: Answer) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\x00\x01\x02\r\n\r\n")

    def _send_http09(self, connection: socket.socket, answer: Answer) -> None:
        connection.sendall(b"<html>hello</html>")


@dataclass(frozen=True)
class Certificate:
    """A self-signed server certificate on disk; ``path`` doubles as the CA file that trusts it."""

    path: Path
    key_path: Path

    @classmethod
    def make(cls, directory: Path, *, hosts=("127.0.0.1", "localhost"), days: int = 30, name: str = "target"):
        """Valid for ``days`` from now; negative days give an expired one."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [x509.IPAddress(ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in hosts]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        made = cls(directory / f"{name}.pem", directory / f"{name}.key")
        made.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key_path)
        return context
