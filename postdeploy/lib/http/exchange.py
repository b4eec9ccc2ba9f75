"""One easy handle of libcurl, and the request it carries at the moment.

Redirects are followed here and not by libcurl: each hop is checked like a URL of its own, and headers of ours (any of
which may be a secret) do not travel to another host.
"""

import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pycurl

from postdeploy import __version__
from postdeploy.lib.addresses import AddressRefused, UrlRefused, check_url, refusal
from postdeploy.lib.http.facts import MAX_TIMEOUT_S, Failure, Outcome, Phase, Request, Response, Timings
from postdeploy.lib.http.failures import explain, timeout_phase

MAX_REDIRECTS = 3
USER_AGENT = f"Postdeploy/{__version__}"
DNS_CACHE_S = 60

_VERSIONS = {
    "": pycurl.CURL_HTTP_VERSION_2TLS,
    "1.1": pycurl.CURL_HTTP_VERSION_1_1,
    "2": pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HARMLESS_HEADERS = frozenset({"accept", "accept-language", "user-agent"})
_CA_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def ca_file() -> str | None:
    """The certificate authorities to trust: ``SSL_CERT_FILE``, else the system's; ``None``: libcurl's own."""
    candidates = (os.environ.get("SSL_CERT_FILE"), *_CA_FILES, ssl.get_default_verify_paths().cafile)
    return next((path for path in candidates if path and os.path.exists(path)), None)


@dataclass(slots=True)
class Hop:
    """What is sent next: the request itself, or where a redirect leads."""

    url: str
    method: str
    headers: Mapping[str, str]
    body: bytes | None
    certificate: tuple[bytes, bytes] | None = None


class Exchange:
    """Carries one request at a time over one handle; kept and used again, so that the set-up is paid once."""

    def __init__(self, allowed_networks: tuple[str, ...]) -> None:
        self.curl = pycurl.Curl()
        self._allowed = allowed_networks
        self._head = bytearray()
        self._sockets: list[socket.SocketType] = []
        # what the handle is set to: most requests are like the one before, and each setting costs
        self._version = ""
        self._certificate: tuple[bytes, bytes] | None = None
        self._mode: tuple[bool, bool] | None = None
        self._headers: Mapping[str, str] | None = None
        self._is_plain_get = False
        self._set_constants()

    def _set_constants(self) -> None:
        curl = self.curl
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.PROXY, "")  # a proxy would hide the real address from the guard
        curl.setopt(pycurl.USERAGENT, USER_AGENT)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        curl.setopt(pycurl.WRITEFUNCTION, self._write)
        curl.setopt(pycurl.HEADERFUNCTION, self._head.extend)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, round(2 * MAX_TIMEOUT_S * 1000))  # the total is shorter
        if path := ca_file():
            curl.setopt(pycurl.CAINFO, path)

    def start(self, index: int, request: Request) -> None:
        """Load a request; the handle then goes to a multi handle. ``index`` is the caller's."""
        self.index = index
        self.request = request
        self._redirects = 0
        self._spent = Timings()
        self._began_at = time.monotonic()
        self._load(Hop(request.url, request.method, request.headers, request.body, request.certificate))

    def _load(self, hop: Hop) -> None:
        self.hop = hop
        self._body = bytearray()
        self._head.clear()
        self._is_cut = False
        self._refusal: str | None = None
        self._trouble: str | None = None
        curl = self.curl
        curl.setopt(pycurl.URL, hop.url)
        is_plain_get = hop.method == "GET" and hop.body is None
        if not (is_plain_get and self._is_plain_get):
            self._load_method(hop)
            self._is_plain_get = is_plain_get
        if hop.headers != self._headers:
            self._headers = hop.headers
            curl.setopt(pycurl.HTTPHEADER, ["Expect:", *(f"{name}: {value}" for name, value in hop.headers.items())])
        mode = (self.request.fresh, hop.url.startswith("https:"))
        if mode != self._mode:
            self._load_mode(*mode)
        if self.request.version != self._version:
            self._version = self.request.version
            curl.setopt(pycurl.HTTP_VERSION, _VERSIONS[self._version])
        if hop.certificate != self._certificate:
            self._load_certificate(hop.certificate)
        left_ms = max(1, round((self.request.timeout_s - (time.monotonic() - self._began_at)) * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, left_ms)

    def _load_mode(self, fresh: bool, is_tls: bool) -> None:
        self._mode = (fresh, is_tls)
        self.curl.setopt(pycurl.FRESH_CONNECT, fresh)
        self.curl.setopt(pycurl.FORBID_REUSE, fresh)
        self.curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 0 if fresh else DNS_CACHE_S)
        self.curl.setopt(pycurl.SSL_SESSIONID_CACHE, not fresh)  # a resumed session shows no certificate
        self.curl.setopt(pycurl.OPT_CERTINFO, is_tls)

    def _load_certificate(self, certificate: tuple[bytes, bytes] | None) -> None:
        self._certificate = certificate
        if certificate is None:
            self.curl.unsetopt(pycurl.SSLCERT_BLOB)
            self.curl.unsetopt(pycurl.SSLKEY_BLOB)
            return
        self.curl.setopt(pycurl.SSLCERT_BLOB, certificate[0])
        self.curl.setopt(pycurl.SSLKEY_BLOB, certificate[1])

    def _load_method(self, hop: Hop) -> None:
        curl = self.curl
        curl.setopt(pycurl.HTTPGET, 1)
        curl.unsetopt(pycurl.CUSTOMREQUEST)
        if hop.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
            return
        if hop.body is not None or hop.method in ("POST", "PUT", "PATCH"):
            curl.setopt(pycurl.POSTFIELDS, hop.body or b"")
        if hop.method != "GET" or hop.body is not None:
            curl.setopt(pycurl.CUSTOMREQUEST, hop.method)

    # Called by libcurl. An exception here would be printed and lost, so there must be none.

    def _open_socket(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> socket.SocketType | int:
        family, kind, protocol, peer = address
        try:
            self._refusal = refusal(peer[0], self._allowed)
            if self._refusal is None:
                self._sockets.append(socket.SocketType(family, kind, protocol))
                return self._sockets[-1]
        except (OSError, ValueError, TypeError, IndexError) as error:
            self._trouble = f"no socket could be opened: {error}"
        return pycurl.SOCKET_BAD

    def _write(self, chunk: bytes) -> int | None:
        room = self.request.max_body - len(self._body)
        if len(chunk) <= room:
            self._body += chunk
            return None
        self._body += chunk[:room]
        self._is_cut = True
        return -1

    # After the transfer.

    def conclude(self, code: int, message: str) -> Outcome | None:
        """The outcome, or ``None``: a redirect was loaded, and the handle has to go round once more."""
        for opened in self._sockets:
            opened.close()  # libcurl works on a duplicate
        self._sockets.clear()
        self._spent = self._spent + self._timings() if self._redirects else self._timings()
        outcome = self._outcome(code, message)
        if outcome.failure or not self.request.follow or outcome.status not in _REDIRECTS:
            return outcome
        target = self.curl.getinfo(pycurl.REDIRECT_URL)
        if not target:
            return outcome
        return self._follow(outcome, str(target))

    def _follow(self, outcome: Outcome, target: str) -> Outcome | None:
        try:
            hop = self._next_hop(outcome.status or 0, target)
        except AddressRefused as refused:
            return replace(outcome, response=None, failure=Failure.BLOCKED, detail=_clause(refused))
        except UrlRefused as refused:
            return replace(outcome, failure=Failure.REDIRECTS, detail=_clause(refused))
        if self.request.timeout_s <= time.monotonic() - self._began_at:
            return replace(outcome, failure=Failure.TIMEOUT, phase=Phase.CONNECT, detail=self._timed_out(Phase.CONNECT))
        self._redirects += 1
        self._load(hop)
        return None

    def _next_hop(self, status: int, target: str) -> Hop:
        """Where a redirect leads; ``UrlRefused`` with a sentence when it must not be followed."""
        if self._redirects >= MAX_REDIRECTS:
            raise UrlRefused(f"redirected more than {MAX_REDIRECTS} times")
        url = check_url(target, self._allowed)
        here, there = urlsplit(self.hop.url), urlsplit(url)
        if here.scheme == "https" and there.scheme == "http":
            raise UrlRefused("redirected from https to http")
        is_same_host = (here.scheme, here.netloc) == (there.scheme, there.netloc)
        keeps_method = status in (307, 308) or self.hop.method in ("GET", "HEAD")
        if keeps_method and self.hop.body is not None and not is_same_host:
            raise UrlRefused("redirected to another host, to which the body is not sent")
        headers = self.hop.headers if is_same_host else _harmless(self.hop.headers)
        certificate = self.hop.certificate if is_same_host else None
        if keeps_method:
            return Hop(url, self.hop.method, headers, self.hop.body, certificate)
        return Hop(url, "GET", headers, None, certificate)

    def _outcome(self, code: int, message: str) -> Outcome:
        curl = self.curl
        status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        failure, detail, phase = self._failure(code, message, has_status=bool(status))
        response = Response(status, _last_block(self._head), bytes(self._body), self._is_cut) if status else None
        return Outcome(
            url=self.hop.url,
            response=None if failure is Failure.BLOCKED else response,
            failure=failure,
            detail=detail,
            phase=phase,
            timings=self._spent,
            address=curl.getinfo(pycurl.PRIMARY_IP) or None,
            redirects=self._redirects,
            is_reused=not failure and not curl.getinfo(pycurl.NUM_CONNECTS),
            certificate_expires_at=self._certificate_expiry(),
        )

    def _failure(self, code: int, message: str, *, has_status: bool) -> tuple[Failure | None, str, Phase | None]:
        if code == pycurl.E_OK:
            return None, "", None
        if self._is_cut:
            if not self.request.refuse_large:
                return None, "", None
            return Failure.TOO_LARGE, f"the body is larger than {self.request.max_body} bytes", None
        if code == pycurl.E_COULDNT_CONNECT and (self._refusal or self._trouble):
            return (Failure.BLOCKED if self._refusal else Failure.OTHER), self._refusal or self._trouble or "", None
        if code == pycurl.E_OPERATION_TIMEDOUT:
            phase = self._phase()
            return Failure.TIMEOUT, self._timed_out(phase), phase
        failure, detail = explain(code, message, int(self.curl.getinfo(pycurl.OS_ERRNO)), has_status=has_status)
        return failure, detail, None

    def _phase(self) -> Phase:
        info = self.curl.getinfo
        return timeout_phase(
            dns_s=info(pycurl.NAMELOOKUP_TIME),
            connect_s=info(pycurl.CONNECT_TIME),
            tls_s=info(pycurl.APPCONNECT_TIME),
            first_byte_s=info(pycurl.STARTTRANSFER_TIME),
            is_tls=self.hop.url.startswith("https:"),
        )

    def _timed_out(self, phase: Phase) -> str:
        return f"timed out after {self.request.timeout_s:.1f} s {phase.words}"

    def _timings(self) -> Timings:
        info = self.curl.getinfo
        dns, connect, tls = info(pycurl.NAMELOOKUP_TIME), info(pycurl.CONNECT_TIME), info(pycurl.APPCONNECT_TIME)
        ready = max(dns, connect, tls)
        return Timings(
            dns_ms=1000 * dns,
            connect_ms=1000 * max(0.0, connect - dns),
            tls_ms=1000 * max(0.0, tls - connect) if tls else 0.0,
            first_byte_ms=1000 * max(0.0, info(pycurl.STARTTRANSFER_TIME) - ready) if self._head else 0.0,
            total_ms=1000 * info(pycurl.TOTAL_TIME),
        )

    def _certificate_expiry(self) -> datetime | None:
        """When the first certificate of the chain ends; the earliest date is the server's own in practice."""
        if not self.hop.url.startswith("https:"):
            return None
        for certificate in self.curl.getinfo(pycurl.INFO_CERTINFO) or ():
            for name, value in certificate:
                if name == "Expire date":
                    return _certificate_time(value)
        return None


def _clause(refused: UrlRefused) -> str:
    sentence = str(refused).removesuffix(".")
    return f"redirected to a refused URL: {sentence}" if str(refused).endswith(".") else sentence


def _harmless(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS_HEADERS}


def _last_block(head: bytearray) -> bytes:
    """The headers of the final answer, without interim (1xx) ones before it."""
    blocks = bytes(head).rstrip(b"\r\n").split(b"\r\n\r\n")
    return blocks[-1]


def _certificate_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
