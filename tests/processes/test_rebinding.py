"""Names that lead elsewhere the second time, redirects into private networks: with a real resolver and real servers."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes
IN_A_NETWORK_OF_ITS_OWN = ("unshare", "--user", "--map-root-user", "--net", "--mount")


@pytest.fixture(scope="module")
def played():
    if subprocess.run([*IN_A_NETWORK_OF_ITS_OWN, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network of their own")
    command = [*IN_A_NETWORK_OF_ITS_OWN, sys.executable, "-m", "tests.processes.rebinding"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("scene", ["public", "first", "kept"])
def test_a_name_that_leads_to_the_public_internet_is_asked(played, scene):
    found = played["scenes"][scene]
    assert (found["failure"], found["status"], found["address"]) == (None, 200, "93.184.216.34")


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        ("rebound", "loopback address 127.0.0.1 is not allowed here"),
        ("private", "private address 10.0.0.5 is not allowed here"),
        ("metadata", "metadata address 169.254.169.254 is never allowed"),
        ("mapped", "private address 10.0.0.5 is not allowed here"),
        ("nat64", "transition address 64:ff9b::7f00:1 is not allowed here"),
        ("6to4", "transition address 2002:7f00:1::1 is not allowed here"),
        ("redirected", "metadata address 169.254.169.254 is never allowed"),
        ("tcp rebound", "loopback address 127.0.0.1 is not allowed here"),
        ("tls rebound", "loopback address 127.0.0.1 is not allowed here"),
    ],
)
def test_a_name_that_leads_elsewhere_is_blocked_where_the_socket_is_opened(played, scene, said):
    found = played["scenes"][scene]
    assert (found["failure"], found["detail"]) == ("BLOCKED", said)


def test_of_two_addresses_only_the_public_one_is_connected_to(played):
    assert played["scenes"]["both"]["address"] == "93.184.216.34"


def test_tcp_connects_before_the_name_is_rebound(played):
    assert played["scenes"]["tcp first"]["failure"] is None


def test_nothing_ever_arrived_at_a_private_address(played):
    arrived = played["arrived"]
    assert arrived.pop("93.184.216.34") >= 5
    assert arrived == {"10.0.0.5": 0, "169.254.169.254": 0, "127.0.0.1": 0}
