"""Targets that misbehave in every way: each ends at the deadline or before, keeps little, and has a name."""

import time
import tracemalloc
from contextlib import suppress

import pytest

from monitoring.probes import FailureKind
from postdeploy.lib.http import forget_connections
from tests.monitoring.probing import read, speaking
from tests.targets import Certificate, Target

LIMIT_MS = 500


def head(connection, *lines):
    connection.recv(4096)
    connection.sendall(b"".join(line + b"\r\n" for line in (b"HTTP/1.1 200 OK", *lines)))


def slowly(connection, text):
    while True:
        connection.sendall(text)
        time.sleep(0.01)


def drip_body(connection):
    head(connection, b"Content-Length: 1000000", b"")
    slowly(connection, b"x")


def drip_status_line(connection):
    connection.recv(4096)
    for byte in b"HTTP/1.1 200 OK":
        connection.sendall(bytes([byte]))
        time.sleep(0.2)


def drip_headers(connection):
    head(connection)
    slowly(connection, b"X-More: yes\r\n")


def five_gigabytes(connection):
    head(connection, b"Content-Length: 5368709120", b"")
    block = b"x" * 1_048_576
    while True:
        connection.sendall(block)


def endless_headers(connection):
    head(connection)
    while True:
        connection.sendall(b"X-More: " + b"x" * 8000 + b"\r\n")


def half_close(connection):
    head(connection, b"Content-Length: 100", b"")
    connection.sendall(b"half of it")
    connection.shutdown(1)
    time.sleep(2)


def half_close_at_once(connection):
    connection.recv(4096)
    connection.shutdown(1)
    time.sleep(2)


def http_0_9(connection):
    connection.recv(4096)
    connection.sendall(b"<html>hello</html>")


def another_protocol(connection):
    connection.recv(4096)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def plain_http(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def nothing_at_all(connection):
    connection.recv(4096)
    time.sleep(2)


FAULTS = [
    (drip_body, "TIMEOUT", "timed out after 0.5 s while reading the answer"),
    (drip_status_line, "TIMEOUT", "timed out after 0.5 s while "),
    (drip_headers, "TIMEOUT", "timed out after 0.5 s while reading the answer"),
    (endless_headers, "PROTOCOL", "the headers do not end"),
    (half_close, "RESET", "the connection ended before the whole body had come"),
    (half_close_at_once, "RESET", "the connection was closed without an answer"),
    (http_0_9, "PROTOCOL", "the answer is not HTTP"),
    (another_protocol, "PROTOCOL", "the answer is not HTTP"),
    (nothing_at_all, "TIMEOUT", "timed out after 0.5 s while waiting for the first byte"),
]


@pytest.mark.parametrize(("talk", "kind", "detail"), FAULTS, ids=lambda value: getattr(value, "__name__", None))
def test_each_fault_has_a_name_and_ends_at_the_deadline(talk, kind, detail):
    with speaking(talk) as target:
        began = time.monotonic()
        reading = read(f"http://{target}/", timeout_ms=LIMIT_MS)
    assert reading.kind is FailureKind(kind), reading.detail
    assert reading.detail.startswith(detail)
    assert time.monotonic() - began < 2 * LIMIT_MS / 1000


def test_of_five_gigabytes_the_beginning_is_looked_at_and_little_is_kept():
    with speaking(five_gigabytes) as target:
        tracemalloc.start()
        began = time.monotonic()
        reading = read(f"http://{target}/", conditions="body matches /^x+/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert reading.ok, reading.detail
    assert time.monotonic() - began < 2
    assert peak < 4_000_000


@pytest.mark.parametrize("status", [204, 304, 418])
def test_a_status_without_a_body_or_an_odd_one_is_judged_like_any_other(status):
    with Target() as target:
        target.set(status=status)
        wanted = read(target.url, conditions=f"status is {status}")
        reading = read(target.url, conditions="status is 200")
    assert wanted.ok, wanted.detail
    assert (reading.kind, reading.detail) == (FailureKind.STATUS, f"HTTP {status}, expected 200")


@pytest.mark.parametrize(
    ("made", "detail"),
    [
        ({"days": -1}, "TLS: the certificate has expired"),
        ({"hosts": ("shop.example",)}, "TLS: the certificate is for another host name"),
        (None, "TLS: the certificate is self-signed"),
    ],
)
def test_bad_tls_is_named(tmp_path, monkeypatch, made, detail):
    certificate = Certificate.make(tmp_path, **(made or {}))
    if made is not None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    forget_connections()
    with Target(tls=certificate) as target:
        reading = read(target.url)
        assert target.requests == []
    forget_connections()
    assert (reading.kind, reading.detail) == (FailureKind.TLS, detail)


def test_plain_http_where_tls_is_expected_is_named():
    with speaking(plain_http) as target:
        reading = read(f"https://{target}/")
    assert (reading.kind, reading.detail) == (FailureKind.TLS, "TLS: the server does not speak TLS on this port")


def test_a_pattern_over_an_endless_body_takes_no_longer_than_the_body():
    with Target() as target, suppress(OSError):
        target.set(mode="endless_body")
        began = time.monotonic()
        reading = read(target.url, conditions="body matches /(x+x+)+y/")
        assert time.monotonic() - began < 2
    assert reading.detail == "/(x+x+)+y/ matches nothing in the first 64 KB of the body"
