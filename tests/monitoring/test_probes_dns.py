"""DNS checks against a name server of our own."""

import socket
import threading
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rrset
import pytest

from monitoring.probes import FailureKind
from tests.monitoring.probing import faults, read

ZONE = {
    ("www.shop.example.", "A"): ["192.0.2.10", "192.0.2.11"],
    ("shop.example.", "MX"): ["10 mail.shop.example."],
    ("shop.example.", "TXT"): ['"v=spf1 -all"'],
    ("xn--bcher-kva.example.", "A"): ["192.0.2.12"],
    ("only-a.example.", "A"): ["192.0.2.13"],
}


@contextmanager
def name_server(*, is_silent=False):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.2)
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                try:
                    data, peer = server.recvfrom(4096)
                except TimeoutError:
                    continue
                if not is_silent:
                    server.sendto(answer(dns.message.from_wire(data)).to_wire(), peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        stop.set()
        thread.join()


def answer(query):
    response = dns.message.make_response(query)
    (question,) = query.question
    name, record = question.name.to_text(), question.rdtype.name
    if records := ZONE.get((name, record)):
        response.answer.append(dns.rrset.from_text(name, 60, "IN", record, *records))
    elif name == "broken.example.":
        response.set_rcode(dns.rcode.SERVFAIL)
    elif not any(name == known for known, _ in ZONE):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response


@pytest.fixture(scope="module")
def resolver():
    with name_server() as address:
        yield address


def ask(name, resolver, record="A", **definition):
    return read(name, kind="DNS", options={"record": record, "resolver": resolver}, **definition)


@pytest.mark.parametrize(
    ("name", "record", "conditions"),
    [
        ("www.shop.example", "A", "answers contain 192.0.2.10"),
        ("www.shop.example.", "A", "answers are 192.0.2.11, 192.0.2.10\nanswers == 192.0.2.10, 192.0.2.11"),
        ("shop.example", "MX", "answers are 10 mail.shop.example"),
        ("shop.example", "TXT", 'answers contain "v=spf1 -all"'),
        ("bücher.example", "A", "answers >= 1"),
    ],
)
def test_records_are_found(resolver, name, record, conditions):
    reading = ask(name, resolver, record, conditions=conditions)
    assert reading.ok, reading.detail
    assert reading.phases.dns_ms == reading.total_ms > 0


def test_the_records_are_the_detail(resolver):
    assert ask("www.shop.example", resolver).detail.startswith("192.0.2.10, 192.0.2.11 in ")


@pytest.mark.parametrize(
    ("name", "record", "kind", "detail"),
    [
        ("gone.example", "A", "DNS", "there is no name gone.example"),
        ("only-a.example", "AAAA", "ANSWER", "only-a.example has no AAAA record"),
        ("broken.example", "A", "DNS", "no resolver could answer for broken.example: SERVFAIL"),
    ],
)
def test_what_is_not_there_is_said(resolver, name, record, kind, detail):
    reading = ask(name, resolver, record)
    assert (reading.kind, reading.detail) == (FailureKind(kind), detail)


def test_another_answer_fails_its_condition(resolver):
    reading = ask("www.shop.example", resolver, conditions="answers are 192.0.2.10")
    assert reading.kind is FailureKind.ANSWER
    assert reading.detail == "the answer is 192.0.2.10, 192.0.2.11, expected 192.0.2.10"


def test_a_silent_resolver_is_waited_for_no_longer_than_the_limit():
    with name_server(is_silent=True) as silent:
        reading = ask("www.shop.example", silent, timeout_ms=300)
    assert (reading.kind, reading.detail) == (
        FailureKind.TIMEOUT,
        "timed out after 0.3 s while waiting for the resolver",
    )


def test_a_private_resolver_is_not_asked(resolver):
    reading = read("www.shop.example", (), kind="DNS", options={"resolver": resolver})
    assert reading.kind is FailureKind.BLOCKED
    assert reading.detail.endswith("loopback address 127.0.0.1 is not allowed here")


@pytest.mark.parametrize(
    ("target", "options", "field", "part"),
    [
        ("", {}, "target", "Write a name"),
        ("two words", {}, "target", "Write a name"),
        ("https://shop.example/", {}, "target", "Write a name"),
        ("a" * 64 + ".example", {}, "target", "Write a name"),
        ("shop.example", {"record": "ANY"}, "options.record", "must be one of A, AAAA"),
        ("shop.example", {"resolver": "ns.shop.example"}, "options.resolver", "is an IP address"),
        ("shop.example", {"resolver": "127.0.0.53"}, "options.resolver", "Loopback address"),
        ("shop.example", {"resolver": "169.254.169.254"}, "options.resolver", "Metadata address"),
        ("shop.example", {"resolver": "8.8.8.8:99999"}, "options.resolver", "between 1 and 65535"),
    ],
)
def test_a_bad_dns_check_is_refused(target, options, field, part):
    assert part in faults(target, kind="DNS", options=options)[field]


@pytest.mark.parametrize("resolver", ["8.8.8.8", "9.9.9.9:5353", "2606:4700:4700::1111", "[2606:4700:4700::1111]:53"])
def test_a_resolver_is_an_address_with_or_without_a_port(resolver):
    assert faults("shop.example", kind="DNS", options={"resolver": resolver}) == {}


@pytest.mark.parametrize(("record", "wanted"), [("A", "not-an-ip"), ("A", "2001:db8::1"), ("AAAA", "192.0.2.10")])
def test_what_can_never_be_in_a_record_is_refused(record, wanted):
    found = faults("shop.example", kind="DNS", options={"record": record}, conditions=f"answers contain {wanted}")
    assert "never in a record" in found["conditions"]
