"""TLS: the certificate's end is known, and a bad certificate is a failure with its reason."""

from datetime import UTC, datetime, timedelta

import pytest

from postdeploy.lib.http import Failure, Phase, Request, fetch, forget_connections
from tests.targets import Certificate, Target

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture(autouse=True)
def fresh_connections():
    forget_connections()
    yield
    forget_connections()


@pytest.fixture
def trust(monkeypatch):
    return lambda certificate: monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))


def test_it_tells_when_the_certificate_ends(tmp_path, trust):
    certificate = Certificate.make(tmp_path, days=30)
    trust(certificate)
    with Target(tls=certificate) as target:
        first = fetch(Request(target.url), LOOPBACK)
        again = fetch(Request(target.url), LOOPBACK)
    assert first.status == 200
    assert abs(first.certificate_expires_at - (datetime.now(UTC) + timedelta(days=30))) < timedelta(minutes=1)
    assert first.timings.tls_ms > 0
    assert again.is_reused
    assert again.timings.tls_ms == 0


def test_a_fresh_request_shakes_hands_again(tmp_path, trust):
    certificate = Certificate.make(tmp_path)
    trust(certificate)
    with Target(tls=certificate) as target:
        outcomes = [fetch(Request(target.url, fresh=True), LOOPBACK) for _ in range(2)]
    assert all(outcome.timings.tls_ms > 0 and outcome.certificate_expires_at for outcome in outcomes)


def test_an_expired_certificate_is_named(tmp_path, trust):
    certificate = Certificate.make(tmp_path, days=-1)
    trust(certificate)
    with Target(tls=certificate) as target:
        outcome = fetch(Request(target.url), LOOPBACK)
    assert (outcome.failure, outcome.detail) == (Failure.TLS, "TLS: the certificate has expired")
    assert not target.requests


def test_an_unknown_authority_is_named(tmp_path):
    with Target(tls=Certificate.make(tmp_path)) as target:
        outcome = fetch(Request(target.url), LOOPBACK)
    assert (outcome.failure, outcome.detail) == (Failure.TLS, "TLS: the certificate is self-signed")


def test_another_host_name_is_named(tmp_path, trust):
    certificate = Certificate.make(tmp_path, hosts=("shop.example",))
    trust(certificate)
    with Target(tls=certificate) as target:
        outcome = fetch(Request(target.url), LOOPBACK)
    assert (outcome.failure, outcome.detail) == (Failure.TLS, "TLS: the certificate is for another host name")


def test_plain_http_on_a_tls_url_is_named():
    with Target() as target:
        outcome = fetch(Request(f"https://127.0.0.1:{target.port}/", timeout_s=2), LOOPBACK)
    assert outcome.failure in (Failure.TLS, Failure.TIMEOUT)
    if outcome.failure is Failure.TLS:
        assert outcome.detail.startswith("TLS: ")


def test_a_handshake_that_hangs_is_a_time_out_in_that_phase():
    with Target() as silent:
        silent.set(mode="silent")
        outcome = fetch(Request(f"https://127.0.0.1:{silent.port}/", timeout_s=0.3), LOOPBACK)
    assert outcome.failure in (Failure.TIMEOUT, Failure.TLS)
    if outcome.failure is Failure.TIMEOUT:
        assert (outcome.phase, outcome.detail) == (Phase.TLS, "timed out after 0.3 s during the TLS handshake")
