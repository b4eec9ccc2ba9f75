"""Client certificates: shown to the host of the address, and to nobody else."""

import ssl
from dataclasses import dataclass

import pytest

from monitoring.probes import FailureKind
from postdeploy.lib.http import forget_connections
from tests.monitoring.probing import faults, read
from tests.targets import Certificate, Target


@dataclass(frozen=True)
class Picky:
    """A server certificate whose server asks for a client's."""

    own: Certificate
    client: Certificate

    def server_context(self):
        context = self.own.server_context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.client.path)
        return context


@pytest.fixture
def client(tmp_path):
    return Certificate.make(tmp_path, name="client")


@pytest.fixture
def target(tmp_path, monkeypatch, client):
    own = Certificate.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(own.path))
    forget_connections()
    with Target(tls=Picky(own, client)) as target:
        yield target
    forget_connections()


def pair(certificate):
    return {"certificate": certificate.path.read_text(), "key": certificate.key_path.read_text()}


def test_a_server_that_asks_for_a_certificate_gets_it(target, client):
    assert read(target.url, secrets=pair(client)).ok
    refused = read(target.url)
    assert refused.kind in (FailureKind.TLS, FailureKind.RESET)
    assert read(target.url, secrets=pair(client)).ok


def test_it_is_not_shown_where_a_redirect_leads(target, client, tmp_path):
    target.set("/a", redirect=target.url.replace("127.0.0.1", "localhost") + "/b")
    reading = read(target.url + "/a", secrets=pair(client))
    assert reading.kind in (FailureKind.TLS, FailureKind.RESET)
    assert [request.path for request in target.requests] == ["/a"]


def test_another_certificate_is_not_taken(target, tmp_path):
    reading = read(target.url, secrets=pair(Certificate.make(tmp_path, name="other")))
    assert not reading.ok


def test_a_key_that_does_not_fit_is_refused(client, tmp_path):
    other = Certificate.make(tmp_path, name="other")
    found = faults(secrets=pair(client) | {"key": other.key_path.read_text()})
    assert found == {"key": "The key does not belong to the client certificate."}
    assert faults(secrets=pair(client)) == {}


@pytest.mark.parametrize(
    ("secrets", "field", "part"),
    [
        ({"certificate": "-----BEGIN CERTIFICATE-----"}, "certificate", "needs both"),
        ({"key": "-----BEGIN PRIVATE KEY-----"}, "certificate", "needs both"),
        ({"certificate": "x", "key": "y"}, "certificate", "The client certificate is not in PEM"),
        ({"certificate": "x", "key": "y"}, "key", "The key is not in PEM"),
    ],
)
def test_half_a_pair_and_what_is_not_pem_are_refused(secrets, field, part):
    assert part in faults(secrets=secrets)[field]
