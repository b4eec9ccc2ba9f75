"""Checks speak HTTP/2 to a server that does, over TLS by agreement and in the clear from the first byte on."""

import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from postdeploy.lib.http import forget_connections
from tests.monitoring.probing import read
from tests.targets import Certificate
from tests.waiting import until

pytestmark = pytest.mark.processes


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def granian(*options):
    port = free_port()
    command = [sys.executable, "-m", "granian", "--host", "127.0.0.1", "--port", str(port), "--interface", "wsgi"]
    with subprocess.Popen([*command, *options, "tests.processes.hello:application"]) as server:
        try:
            until(lambda: is_open(port), 20, "granian listens")
            yield port
        finally:
            server.terminate()


def test_http_2_is_agreed_on_over_tls(tmp_path, monkeypatch):
    certificate = Certificate.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    forget_connections()
    secured = ("--ssl-certificate", str(certificate.path), "--ssl-keyfile", str(certificate.key_path))
    with granian(*secured) as port:
        url = f"https://127.0.0.1:{port}/"
        spoken = read(url, conditions="protocol is HTTP/2\nbody == hello\nheader content-type == text/plain")
        older = read(url, options={"http_version": "1.1"}, conditions="protocol is HTTP/1.1")
    forget_connections()
    assert spoken.ok, spoken.detail
    assert older.ok, older.detail


def test_http_2_is_spoken_in_the_clear_where_that_was_chosen():
    with granian("--http", "2") as port:
        reading = read(f"http://127.0.0.1:{port}/", options={"http_version": "2"}, conditions="protocol is HTTP/2")
    assert reading.ok, reading.detail
