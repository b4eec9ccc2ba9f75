"""The guard of outbound requests: which addresses may be connected to, which URLs may be saved."""

import ipaddress

import pytest

from postdeploy.lib.addresses import UrlRefused, check_url, is_allowed, parse_networks, refusal

NOWHERE = ()
LOOPBACK = parse_networks(["127.0.0.0/8", "::1/128"])
EVERYWHERE = parse_networks(["0.0.0.0/0", "::/0"])

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8"]

REFUSED = [
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("::1", "loopback"),
    ("::ffff:127.0.0.1", "loopback"),
    ("10.0.0.5", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("::ffff:10.0.0.5", "private"),
    ("100.64.0.1", "private"),
    ("fc00::1", "private"),
    ("fd12:3456::1", "private"),
    ("fec0::1", "private"),
    ("64:ff9b::7f00:1", "transition"),
    ("64:ff9b::808:808", "transition"),
    ("64:ff9b:1::1", "transition"),
    ("2002:7f00:1::", "transition"),
    ("2002:808:808::1", "transition"),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "transition"),
    ("::127.0.0.1", "transition"),
    ("192.0.0.8", "reserved"),
    ("192.0.2.1", "reserved"),
    ("198.18.0.1", "reserved"),
    ("203.0.113.9", "reserved"),
    ("240.0.0.1", "reserved"),
    ("2001:db8::1", "reserved"),
    ("3fff::1", "reserved"),
    ("100::1", "reserved"),
]

NEVER = [
    ("169.254.169.254", "metadata"),
    ("::ffff:169.254.169.254", "metadata"),
    ("169.254.170.2", "metadata"),
    ("100.100.100.200", "metadata"),
    ("168.63.129.16", "metadata"),
    ("fd00:ec2::254", "metadata"),
    ("169.254.1.1", "link-local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("224.0.0.1", "multicast"),
    ("ff02::1", "multicast"),
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("::", "unspecified"),
    ("255.255.255.255", "broadcast"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_it_allows_public_addresses(address):
    assert is_allowed(address, NOWHERE)
    assert is_allowed(ipaddress.ip_address(address), NOWHERE)


@pytest.mark.parametrize(("address", "kind"), REFUSED)
def test_it_refuses_what_is_not_public_and_names_the_kind(address, kind):
    assert refusal(address, NOWHERE).startswith(f"{kind} address ")
    assert refusal(address, NOWHERE).endswith(" is not allowed here")


@pytest.mark.parametrize(("address", "kind"), NEVER)
def test_it_refuses_these_even_when_a_listed_network_contains_them(address, kind):
    for networks in (NOWHERE, EVERYWHERE):
        assert refusal(address, networks).startswith(f"{kind} address ")
        assert refusal(address, networks).endswith(" is never allowed")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.8.8"])
def test_it_allows_a_listed_network(address):
    assert is_allowed(address, LOOPBACK)


def test_it_allows_only_the_listed_network():
    networks = parse_networks(["10.1.0.0/16"])
    assert is_allowed("10.1.2.3", networks)
    assert is_allowed("::ffff:10.1.2.3", networks)
    assert refusal("10.2.0.1", networks) == "private address 10.2.0.1 is not allowed here"


def test_a_listed_transition_range_does_not_open_what_it_leads_to():
    nat64 = parse_networks(["64:ff9b::/96"])
    assert is_allowed("64:ff9b::808:808", nat64)
    assert refusal("64:ff9b::a9fe:a9fe", nat64) == "metadata address 169.254.169.254 is never allowed"
    assert refusal("64:ff9b::a00:5", nat64) == "private address 10.0.0.5 is not allowed here"
    assert refusal("2002:a00:5::1", EVERYWHERE) is None
    assert "169.254.169.254" in refusal("2002:a9fe:a9fe::1", EVERYWHERE)


def test_networks_may_be_given_as_text():
    assert is_allowed("127.0.0.1", ["127.0.0.0/8"])
    assert check_url("http://127.0.0.1/", ["127.0.0.0/8"]) == "http://127.0.0.1/"


def test_it_refuses_what_is_no_address():
    assert refusal("localhost", EVERYWHERE) == "localhost is not an IP address"


def test_a_bad_network_is_named():
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/40"):
        parse_networks(["10.0.0.0/40"])


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("https://shop.example/healthz", "https://shop.example/healthz"),
        (" https://Shop.Example ", "https://shop.example/"),
        ("HTTP://shop.example:80/x?a=1&b=%20#part", "http://shop.example/x?a=1&b=%20"),
        ("https://shop.example:443", "https://shop.example/"),
        ("https://shop.example:8443/é", "https://shop.example:8443/%C3%A9"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://shop.example./", "http://shop.example/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://[2606:4700:4700::1111]:8080/", "http://[2606:4700:4700::1111]:8080/"),
        ("http://checkout_api.internal/", "http://checkout_api.internal/"),
        ("http://shop.example/a%2Fb?q=[1]", "http://shop.example/a%2Fb?q=[1]"),
    ],
)
def test_it_normalises_a_good_url(typed, normal):
    assert check_url(typed) == normal
    assert check_url(normal) == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "ftp://shop.example/",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://user@shop.example/",
        "http://user:secret@shop.example/",
        "http://@shop.example/",
        "http://ok\\@evil.example/",
        "http://ok.example\\.evil.example/",
        "http://shop.example/a b",
        "http://shop.example/\r\nX-Evil: 1",
        "http://shop\t.example/",
        "http://shop.example/\x00",
        "http://shop.example:0/",
        "http://shop.example:65536/",
        "http://shop.example:eighty/",
        "http://shop.example:25/",
        "http://shop.example:22/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://0/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://１２７.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.fe80]/",
        "http://[::1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://localhost/",
        "http://LOCALHOST:8000/",
        "http://metadata.localhost/",
        "http://shop..example/",
        "http://-shop.example/",
        "http://sh%6fp.example/",
        "http://shop,example/",
        "http://" + "a" * 64 + ".example/",
        "http://shop.example/" + "a" * 3000,
    ],
)
def test_it_refuses_a_bad_url_with_a_sentence(url):
    with pytest.raises(UrlRefused) as refused:
        check_url(url)
    assert str(refused.value)[0].isupper()
    assert str(refused.value).endswith(".")


def test_the_refusal_of_an_address_says_which():
    with pytest.raises(UrlRefused, match=r"Private address 10\.0\.0\.5 is not allowed here"):
        check_url("http://10.0.0.5/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost:8000/", "http://[::1]:8000/"])
def test_a_listed_network_can_be_saved(url):
    assert check_url(url, LOOPBACK) == url


@pytest.mark.parametrize("url", ["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/"])
def test_odd_spellings_stay_refused_where_the_address_is_allowed(url):
    with pytest.raises(UrlRefused):
        check_url(url, LOOPBACK)
