"""The guard as it is met: an address is refused when it is saved and, whoever saved it, when a socket is opened."""

import pytest

from postdeploy.lib.addresses import UrlRefused, check_host_and_port, check_url
from postdeploy.lib.http import Failure, Request, fetch
from postdeploy.lib.sockets import Deadline, SocketFailed, open_socket
from tests.targets import Target

#: Each spelling of an address that must not be reached, and what is said of it at the socket.
LITERALS = [
    ("127.0.0.1", "loopback address 127.0.0.1"),
    ("127.9.9.9", "loopback address 127.9.9.9"),
    ("[::1]", "loopback address ::1"),
    ("0", "unspecified address 0.0.0.0"),
    ("0.0.0.0", "unspecified address 0.0.0.0"),
    ("[::]", "unspecified address ::"),
    ("2130706433", "loopback address 127.0.0.1"),
    ("0x7f.1", "loopback address 127.0.0.1"),
    ("0x7f000001", "loopback address 127.0.0.1"),
    ("0177.0.0.1", "loopback address 127.0.0.1"),
    ("127.1", "loopback address 127.0.0.1"),
    ("localhost", "loopback address"),
    ("[::ffff:127.0.0.1]", "loopback address 127.0.0.1"),
    ("[::ffff:7f00:1]", "loopback address 127.0.0.1"),
    ("[::127.0.0.1]", "transition address ::7f00:1"),
    ("[64:ff9b::7f00:1]", "transition address 64:ff9b::7f00:1"),
    ("[64:ff9b:1::a00:1]", "transition address 64:ff9b:1::a00:1"),
    ("[2002:7f00:1::]", "transition address 2002:7f00:1::"),
    ("[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "transition address 2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ("[fec0::1]", "private address fec0::1"),
    ("[fd12:3456::1]", "private address fd12:3456::1"),
    ("[fe80::1]", "link-local address fe80::1"),
    ("10.0.0.5", "private address 10.0.0.5"),
    ("172.16.0.1", "private address 172.16.0.1"),
    ("192.168.1.1", "private address 192.168.1.1"),
    ("100.64.0.1", "private address 100.64.0.1"),
    ("169.254.169.254", "metadata address 169.254.169.254"),
    ("[::ffff:169.254.169.254]", "metadata address 169.254.169.254"),
    ("[fd00:ec2::254]", "metadata address fd00:ec2::254"),
    ("100.100.100.200", "metadata address 100.100.100.200"),
    ("169.254.1.1", "link-local address 169.254.1.1"),
    ("192.0.0.8", "reserved address 192.0.0.8"),
    ("198.18.0.1", "reserved address 198.18.0.1"),
    ("240.0.0.1", "reserved address 240.0.0.1"),
    ("224.0.0.1", "multicast address 224.0.0.1"),
    ("[ff02::1]", "multicast address ff02::1"),
    ("255.255.255.255", "broadcast address 255.255.255.255"),
]


@pytest.mark.parametrize(("host", "_said"), LITERALS)
def test_it_is_refused_when_a_url_is_saved(host, _said):
    for url in (f"http://{host}/", f"https://{host}:8443/healthz", f"http://{host}:80/"):
        with pytest.raises(UrlRefused):
            check_url(url)


@pytest.mark.parametrize(("host", "_said"), LITERALS)
def test_it_is_refused_when_a_host_and_port_are_saved(host, _said):
    with pytest.raises(UrlRefused):
        check_host_and_port(f"{host}:5432")


@pytest.mark.parametrize(("host", "said"), LITERALS)
def test_it_is_refused_when_http_opens_a_socket(host, said):
    outcome = fetch(Request(f"http://{host}:9/", timeout_s=2, fresh=True), ())
    assert outcome.failure is Failure.BLOCKED
    assert outcome.response is None
    assert outcome.detail.startswith(said)
    assert outcome.detail.endswith((" is not allowed here", " is never allowed"))


@pytest.mark.parametrize(("host", "said"), LITERALS)
def test_it_is_refused_when_a_plain_socket_is_opened(host, said):
    with pytest.raises(SocketFailed) as caught:
        open_socket(host.strip("[]"), 9, (), Deadline(2))
    assert caught.value.failure is Failure.BLOCKED
    assert str(caught.value).startswith(said)


def test_nothing_arrives_at_an_address_that_is_refused():
    with Target() as target:
        for host in ("127.0.0.1", "2130706433", "0x7f.1", "0", "localhost", "[::ffff:127.0.0.1]"):
            fetch(Request(f"http://{host}:{target.port}/", timeout_s=2, fresh=True), ())
        assert target.connections == 0


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("db.example.org:5432", "db.example.org", 5432),
        (" DB.Example.org:1 ", "db.example.org", 1),
        ("bücher.example:443", "xn--bcher-kva.example", 443),
        ("8.8.8.8:53", "8.8.8.8", 53),
        ("[2606:4700:4700::1111]:853", "2606:4700:4700::1111", 853),
    ],
)
def test_a_host_and_port_are_read(text, host, port):
    assert check_host_and_port(text) == (host, port)


def test_a_port_may_be_left_out_where_there_is_a_usual_one():
    assert check_host_and_port("shop.example", default_port=443) == ("shop.example", 443)
    assert check_host_and_port("[2606:4700:4700::1111]", default_port=443) == ("2606:4700:4700::1111", 443)


@pytest.mark.parametrize(
    "text",
    [
        "", ":80", "shop.example", "shop.example:", "shop.example:0", "shop.example:65536", "shop.example:8 0",
        "2606:4700:4700::1111:443", "http://shop.example:80", "shop.example:80/x", "user@shop.example:80", "a b:80",
        "[shop.example]:80", "shop..example:80", "fe80::1%eth0:80", "shop.example\\@evil:80", "x" * 300 + ":80",
    ],
)  # fmt: skip
def test_what_is_no_host_and_port_is_refused(text):
    with pytest.raises(UrlRefused):
        check_host_and_port(text)
