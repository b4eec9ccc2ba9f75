"""One easy handle of libcurl, and the request it carries at the moment.

Redirects are followed here and not by libcurl: each hop is checked like a URL of its own, and headers of ours (any of
which may be a secret) do not travel to another host.
"""

import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pycurl

from postdeploy import __version__
from postdeploy.lib.addresses import AddressRefused, UrlRefused, check_url, refusal
from postdeploy.lib.http.facts import MAX_TIMEOUT_S, Failure, Form, Outcome, Phase, Request, Response, Timings
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


class Exchange:
    """Carries one request at a time over one handle; kept and used again, so that the set-up is paid once."""

    def __init__(self, allowed_networks: tuple[str, ...]) -> None:
        self.curl = pycurl.Curl()
        self._allowed = allowed_networks
        self._head = bytearray()
        self._sockets: list[socket.SocketType] = []
        # what the handle is set to: most requests are like the one before, and each setting costs
        self._form: Form | None = None
        self._left_ms = 0
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
        self._began_at = time.monotonic()
        self._load(request, round(request.timeout_s * 1000))

    def _load(self, hop: Request, left_ms: int) -> None:
        """Load what is sent next: the request itself, or where a redirect leads, which is like it in all else."""
        self.hop = hop
        self._body = bytearray()
        self._head.clear()
        self._is_cut = False
        self._refusal: str | None = None
        self._trouble: str | None = None
        self.curl.setopt(pycurl.URL, hop.url)
        if hop.form != self._form:
            self._set_form(hop)
        if left_ms != self._left_ms:
            self._left_ms = left_ms
            self.curl.setopt(pycurl.TIMEOUT_MS, left_ms)

    def _set_form(self, hop: Request) -> None:
        self._form = hop.form
        curl = self.curl
        self._set_method(hop)
        curl.setopt(pycurl.HTTPHEADER, ["Expect:", *(f"{name}: {value}" for name, value in hop.headers.items())])
        curl.setopt(pycurl.FRESH_CONNECT, hop.fresh)
        curl.setopt(pycurl.FORBID_REUSE, hop.fresh)
        curl.setopt(pycurl.DNS_CACHE_TIMEOUT, 0 if hop.fresh else DNS_CACHE_S)
        curl.setopt(pycurl.SSL_SESSIONID_CACHE, not hop.fresh)  # a resumed session shows no certificate
        curl.setopt(pycurl.OPT_CERTINFO, hop.is_tls)
        curl.setopt(pycurl.HTTP_VERSION, _VERSIONS[hop.version])
        if hop.certificate is None:
            curl.unsetopt(pycurl.SSLCERT_BLOB)
            curl.unsetopt(pycurl.SSLKEY_BLOB)
        else:
            curl.setopt(pycurl.SSLCERT_BLOB, hop.certificate[0])
            curl.setopt(pycurl.SSLKEY_BLOB, hop.certificate[1])

    def _set_method(self, hop: Request) -> None:
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
        if self._sockets:
            for opened in self._sockets:
                opened.close()  # libcurl works on a duplicate
            self._sockets.clear()
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
        left_ms = round((self.request.timeout_s - (time.monotonic() - self._began_at)) * 1000)
        if left_ms <= 0:
            return replace(outcome, failure=Failure.TIMEOUT, phase=Phase.CONNECT, detail=self._timed_out(Phase.CONNECT))
        self._redirects += 1
        self._spent = outcome.timings
        self._load(hop, left_ms)
        return None

    def _next_hop(self, status: int, target: str) -> Request:
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
            return replace(self.hop, url=url, headers=headers, certificate=certificate)
        return replace(self.hop, url=url, headers=headers, certificate=certificate, method="GET", body=None)

    def _outcome(self, code: int, message: str) -> Outcome:
        info = self.curl.getinfo
        status = info(pycurl.RESPONSE_CODE)
        failure, detail, phase = None, "", None
        if code != pycurl.E_OK:
            failure, detail, phase = self._failure(code, message, has_status=bool(status))
        is_reused = not failure and not info(pycurl.NUM_CONNECTS)
        timings = self._timings(is_reused)
        has_response = status and failure is not Failure.BLOCKED
        return Outcome(
            self.hop.url,
            Response(status, _last_block(self._head), bytes(self._body), self._is_cut) if has_response else None,
            failure,
            detail,
            phase,
            self._spent + timings if self._redirects else timings,
            info(pycurl.PRIMARY_IP) or None,
            self._redirects,
            is_reused,
            self._certificate_expiry() if self.hop.is_tls and not is_reused else None,
        )

    def _failure(self, code: int, message: str, *, has_status: bool) -> tuple[Failure | None, str, Phase | None]:
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
            is_tls=self.hop.is_tls,
        )

    def _timed_out(self, phase: Phase) -> str:
        return f"timed out after {self.request.timeout_s:.1f} s {phase.words}"

    def _timings(self, is_reused: bool) -> Timings:
        info = self.curl.getinfo
        first_byte = info(pycurl.STARTTRANSFER_TIME) if self._head else 0.0
        total_ms = 1000 * info(pycurl.TOTAL_TIME)
        if is_reused:
            return Timings(0.0, 0.0, 0.0, 1000 * first_byte, total_ms)
        dns, connect, tls = info(pycurl.NAMELOOKUP_TIME), info(pycurl.CONNECT_TIME), info(pycurl.APPCONNECT_TIME)
        return Timings(
            dns_ms=1000 * dns,
            connect_ms=1000 * max(0.0, connect - dns),
            tls_ms=1000 * max(0.0, tls - connect) if tls else 0.0,
            first_byte_ms=1000 * max(0.0, first_byte - max(dns, connect, tls)),
            total_ms=total_ms,
        )

    def _certificate_expiry(self) -> datetime | None:
        """When the first certificate of the chain ends; the earliest date is the server's own in practice."""
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
    return bytes(head).rstrip(b"\r\n").rpartition(b"\r\n\r\n")[2]


def _certificate_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
