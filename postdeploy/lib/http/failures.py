"""From what libcurl reports to a failure with a name and a sentence."""

import errno
import re

import pycurl

from postdeploy.lib.http.facts import Failure, Phase

E_TOO_LARGE = 100

_TLS_CODES = {
    pycurl.E_SSL_CONNECT_ERROR, pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CERTPROBLEM, pycurl.E_SSL_CIPHER,
    pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_ISSUER_ERROR, pycurl.E_SSL_INVALIDCERTSTATUS,
    pycurl.E_SSL_PINNEDPUBKEYNOTMATCH, pycurl.E_USE_SSL_FAILED,
}  # fmt: skip
_PROTOCOL_CODES = {
    pycurl.E_UNSUPPORTED_PROTOCOL: "the answer is not HTTP",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "the answer is not HTTP",
    pycurl.E_HTTP2: "the HTTP/2 connection broke",
    92: "the HTTP/2 stream was ended with an error",
    pycurl.E_BAD_CONTENT_ENCODING: "the body is not in the encoding it says",
    E_TOO_LARGE: "the headers do not end",
    pycurl.E_URL_MALFORMAT: "the URL cannot be read",
}
_TLS_REASONS = (
    ("certificate has expired", "the certificate has expired"),
    ("certificate is not yet valid", "the certificate is not valid yet"),
    ("self-signed certificate in certificate chain", "the certificate's authority is not trusted"),
    ("self-signed certificate", "the certificate is self-signed"),
    ("self signed certificate", "the certificate is self-signed"),
    ("unable to get local issuer", "the certificate's authority is not trusted"),
    ("unable to get issuer", "the certificate's authority is not trusted"),
    ("no alternative certificate subject name", "the certificate is for another host name"),
    ("does not match target host", "the certificate is for another host name"),
    ("hostname mismatch", "the certificate is for another host name"),
    ("ip address mismatch", "the certificate is for another host name"),
    ("certificate revoked", "the certificate was revoked"),
    ("wrong version number", "the server does not speak TLS on this port"),
    ("packet length too long", "the server does not speak TLS on this port"),
    ("unexpected eof", "the server closed the connection during the handshake"),
    ("eof occurred", "the server closed the connection during the handshake"),
    ("connection reset", "the server closed the connection during the handshake"),
    ("certificate required", "the server asks for a client certificate"),
    ("handshake failure", "the server and Postdeploy have no protocol or cipher in common"),
    ("protocol version", "the server and Postdeploy have no protocol version in common"),
)


def explain(code: int, message: str, os_error: int, *, has_status: bool) -> tuple[Failure, str]:
    """The failure and its sentence for a libcurl result other than OK, time-out and our own aborts.

    ``os_error`` is the system's error number of the connection (0: none).
    """
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return Failure.DNS, _host_sentence(message)
    if code in _TLS_CODES:
        return Failure.TLS, tls_reason(message)
    if code == pycurl.E_COULDNT_CONNECT:
        return no_connection(os_error)
    if code == pycurl.E_PARTIAL_FILE:
        return Failure.RESET, "the connection ended before the whole body had come"
    if code == pycurl.E_GOT_NOTHING:
        return Failure.RESET, "the connection was closed without an answer"
    if "Too large response headers" in message:
        return Failure.PROTOCOL, _PROTOCOL_CODES[E_TOO_LARGE]
    if code in (pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR):
        return Failure.RESET, f"the connection was reset {(Phase.BODY if has_status else Phase.FIRST_BYTE).words}"
    if code in _PROTOCOL_CODES:
        return Failure.PROTOCOL, _PROTOCOL_CODES[code]
    return Failure.OTHER, f"the request failed: {_clean(message) or f'libcurl error {code}'}"


def timeout_phase(*, dns_s: float, connect_s: float, tls_s: float, first_byte_s: float, is_tls: bool) -> Phase:
    """The phase that was not over when the time ran out; arguments are libcurl's times (0: not reached)."""
    if not dns_s:
        return Phase.DNS
    if not connect_s:
        return Phase.CONNECT
    if is_tls and not tls_s:
        return Phase.TLS
    return Phase.BODY if first_byte_s else Phase.FIRST_BYTE


def _host_sentence(message: str) -> str:
    host = re.search(r"host: ([^ ]+)", message)
    return f"the name {host.group(1)} could not be resolved" if host else "the name could not be resolved"


def tls_reason(message: str) -> str:
    """What OpenSSL's message means, as a clause."""
    lowered = message.lower()
    for part, reason in _TLS_REASONS:
        if part in lowered:
            return f"TLS: {reason}"
    return f"TLS: {_clean(message) or 'the handshake failed'}"


def no_connection(os_error: int) -> tuple[Failure, str]:
    """Why no connection was made, from the system's error number (0: not known)."""
    if os_error == errno.ECONNREFUSED:
        return Failure.REFUSED, "the connection was refused"
    if os_error == errno.ETIMEDOUT:
        return Failure.TIMEOUT, f"timed out {Phase.CONNECT.words}"
    if os_error == errno.ECONNRESET:
        return Failure.RESET, f"the connection was reset {Phase.CONNECT.words}"
    if os_error:
        return Failure.UNREACHABLE, f"the host cannot be reached ({errno.errorcode.get(os_error, os_error)})"
    return Failure.OTHER, "no connection could be opened"


def _clean(message: str) -> str:
    """A library's message, safe to show and to store."""
    return re.sub(r"[^\x20-\x7e]+", " ", message).strip()[:200]
