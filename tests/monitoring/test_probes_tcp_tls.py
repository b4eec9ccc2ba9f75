"""TCP and TLS checks: what a port says, what its certificate is worth, and one deadline for all of it."""

import socket
import time

import pytest

from monitoring.probes import FailureKind, compile_check, try_check
from tests.monitoring.probing import LOOPBACK, Row, faults, read, speaking
from tests.targets import Certificate, Target


def tcp(target, **definition):
    return read(target, kind="TCP", **definition)


def echo(connection):
    while received := connection.recv(1000):
        connection.sendall(received.upper())


def drip(connection):
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def test_an_open_port_is_up_with_its_times():
    with speaking(echo) as target:
        reading = tcp(target)
    assert reading.ok
    assert reading.detail.startswith("connected in ")
    assert reading.address == "127.0.0.1"
    assert reading.total_ms >= reading.phases.connect_ms > 0


def test_a_greeting_is_looked_at():
    with speaking(lambda connection: connection.sendall(b"220 mail.example.org ESMTP\r\n")) as target:
        assert tcp(target, conditions='answer contains "220"\nanswer matches /ESMTP/').ok
        reading = tcp(target, conditions='answer contains "250"')
    assert (reading.kind, reading.detail) == (FailureKind.ANSWER, "“250” is not in the answer")
    assert reading.excerpt == "220 mail.example.org ESMTP\n"


def test_what_is_sent_arrives_with_its_escapes():
    with speaking(echo) as target:
        reading = tcp(target, options={"send": r"ping\r\n\x21"}, conditions=r"answer matches /^PING\r\n!$/")
    assert reading.ok, reading.detail
    assert reading.phases.first_byte_ms > 0


@pytest.mark.parametrize(
    ("talk", "kind", "detail"),
    [
        (lambda connection: connection.recv(1), "TIMEOUT", "timed out after 0.2 s while waiting for the first byte"),
        (drip, "ANSWER", "“yes” is not in the answer"),
        (lambda connection: None, "ANSWER", "“yes” is not in the answer"),
    ],
)
def test_a_port_that_does_not_say_it_in_time_has_failed(talk, kind, detail):
    with speaking(talk) as target:
        began = time.monotonic()
        reading = tcp(target, conditions="answer contains yes", timeout_ms=200)
    assert (reading.kind, reading.detail) == (FailureKind(kind), detail)
    assert time.monotonic() - began < 1


def test_endless_talk_is_cut():
    def talk(connection):
        while True:
            connection.sendall(b"x" * 65_536)

    with speaking(talk) as target:
        reading = tcp(target, conditions="answer contains yes")
    assert reading.kind is FailureKind.ANSWER


def test_a_closed_port_is_refused():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        reading = tcp(f"127.0.0.1:{unused.getsockname()[1]}")
    assert (reading.kind, reading.detail) == (FailureKind.REFUSED, "the connection was refused")


def test_a_name_that_is_none_is_said():
    reading = read("nothing-here.invalid:80", kind="TCP", networks=())
    assert reading.kind is FailureKind.DNS
    assert reading.detail == "the name nothing-here.invalid could not be resolved"


@pytest.mark.parametrize("kind", ["TCP", "TLS"])
def test_a_private_address_is_not_connected_to(kind):
    with Target() as target:
        reading = read(f"127.0.0.1:{target.port}", (), kind=kind)
        named = read(f"localhost:{target.port}", (), kind=kind)
        assert target.connections == 0
    assert reading.kind is named.kind is FailureKind.BLOCKED
    assert reading.detail == "loopback address 127.0.0.1 is not allowed here"


@pytest.mark.parametrize(
    ("definition", "field", "part"),
    [
        ({"target": "db.example.org"}, "target", "Write the port"),
        ({"target": "http://db.example.org:80"}, "target", "Write a host and a port"),
        ({"target": "db.example.org:0"}, "target", "between 1 and 65535"),
        ({"target": "10.0.0.1:5432"}, "target", "Private address 10.0.0.1 is not allowed here"),
        ({"target": "[::1]:5432"}, "target", "Loopback address"),
        ({"target": "2130706433:80"}, "target", "in its usual form"),
        ({"target": "user@db.example.org:80"}, "target", "Write a host and a port"),
        ({"target": "localhost:80"}, "target", "Loopback address"),
        ({"target": "db.example.org:80", "options": {"send": r"\q"}}, "options.send", "means nothing here"),
        ({"target": "mail.example.org:25", "options": {"send": "HELO"}}, "options.send", "Nothing is sent to a mail"),
        ({"target": "db.example.org:80", "options": {"url": "x"}}, "options.url", "is not an option of this kind"),
        ({"target": "db.example.org:80", "conditions": "status 200"}, "conditions", "A TCP check has no status"),
    ],
)
def test_a_bad_tcp_check_is_refused(definition, field, part):
    assert part in faults(kind="TCP", **definition)[field]


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    def make(**what):
        certificate = Certificate.make(tmp_path, **what)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
        return Target(tls=certificate)

    return make


def tls(target, **definition):
    return read(f"127.0.0.1:{target.port}", kind="TLS", **definition)


def test_a_good_certificate_tells_its_days(trusted):
    with trusted(days=30) as target:
        reading = tls(target, conditions="certificate > 14 days\nprotocol is TLSv1.3")
    assert reading.ok, reading.detail
    assert (reading.certificate_days, reading.detail) == (29, "TLSv1.3, certificate for 29 days more")
    assert reading.phases.tls_ms > 0


def test_a_certificate_that_ends_soon_fails_its_condition(trusted):
    with trusted(days=10) as target:
        reading = tls(target, conditions="certificate > 14 days")
    assert reading.kind is FailureKind.CERTIFICATE
    assert reading.detail == "the certificate ends in 9\u00a0days, expected above 14\u00a0days"


@pytest.mark.parametrize(
    ("what", "options", "detail"),
    [
        ({"days": -1}, {}, "TLS: the certificate has expired"),
        ({}, {"server_name": "shop.example"}, "TLS: the certificate is for another host name"),
    ],
)
def test_a_bad_certificate_is_named(trusted, what, options, detail):
    with trusted(**what) as target:
        reading = tls(target, options=options)
    assert (reading.kind, reading.detail) == (FailureKind.TLS, detail)


def test_an_authority_that_nobody_trusts_is_named(tmp_path):
    with Target(tls=Certificate.make(tmp_path)) as target:
        assert tls(target).detail == "TLS: the certificate is self-signed"


def test_a_server_without_tls_and_one_that_never_answers_are_named(trusted):
    with speaking(lambda connection: connection.recv(4096) and connection.sendall(b"HTTP/1.1 400 No\r\n\r\n")) as plain:
        assert read(plain, kind="TLS").detail == "TLS: the server does not speak TLS on this port"
    with speaking(lambda connection: connection.recv(1000) and connection.recv(1000)) as silent:
        reading = read(silent, kind="TLS", timeout_ms=200)
    assert (reading.kind, reading.detail) == (
        FailureKind.TIMEOUT,
        "timed out after 0.2 s during the TLS handshake",
    )


def test_a_handshake_that_drips_ends_at_the_deadline():
    def talk(connection):
        connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")  # the beginning of a long hello
        drip(connection)

    with speaking(talk) as target:
        began = time.monotonic()
        reading = read(target, kind="TLS", timeout_ms=300)
    assert (reading.kind, reading.detail) == (FailureKind.TIMEOUT, "timed out after 0.3 s during the TLS handshake")
    assert time.monotonic() - began < 1


def test_trying_describes_the_certificate(trusted):
    with trusted(days=30) as target:
        row = Row(f"127.0.0.1:{target.port}", "TLS", "certificate > 14 days")
        trial = try_check(compile_check(row), LOOPBACK)
    assert trial.certificate.startswith("valid until ")
    assert trial.certificate.endswith("issued by target")
    assert [result.ok for result in trial.results] == [True]
