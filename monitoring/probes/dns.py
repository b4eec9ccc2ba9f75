"""DNS checks: a name has the records it should have, as the system's resolver or a chosen one sees it."""

import ipaddress
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.name
import dns.resolver

from monitoring.conditions import Answer, Condition
from monitoring.conditions.kinds import Answers
from monitoring.probes.definitions import Definition
from monitoring.probes.faults import Faults
from monitoring.probes.readings import FailureKind, Seen, milliseconds
from postdeploy.lib.addresses import Network, refusal
from postdeploy.lib.http import Timings

RECORDS = ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "CAA", "SRV", "SOA", "PTR")
#: Records that are addresses, and of which version.
_ADDRESSES = {"A": 4, "AAAA": 6}


@dataclass(frozen=True, slots=True)
class DnsCheck:
    """A name, the type of its records, and who is asked (an address and a port; without one the system's resolver)."""

    name: str
    record: str = "A"
    resolver: tuple[str, int] | None = None
    conditions: tuple[Condition, ...] = ()
    timeout_ms: int = 10_000
    hidden: tuple[str, ...] = ()
    needs_facts: bool = False

    def look(self, allowed_networks: Iterable[Network | str], **_unneeded: object) -> Seen:
        """Ask once."""
        if self.resolver and (why := refusal(self.resolver[0], allowed_networks)):
            return Seen(failure=FailureKind.BLOCKED, detail=f"the resolver cannot be asked: {why}")
        began = time.perf_counter()
        try:
            records = tuple(sorted(_shown(record) for record in self._ask()))
            failure, detail = None, ""
        except dns.exception.DNSException as error:
            records, (failure, detail) = (), self._explained(error)
        total_ms = 1000 * (time.perf_counter() - began)
        return Seen(
            answer=None if failure else Answer(total_ms, answers=records, body="\n".join(records).encode()),
            failure=failure,
            detail=detail,
            words=f"{', '.join(records)[:200]} in {milliseconds(total_ms)}",
            phases=Timings(dns_ms=total_ms, total_ms=total_ms),
            address=self.resolver[0] if self.resolver else None,
        )

    def _ask(self) -> Any:
        resolver = dns.resolver.Resolver(configure=self.resolver is None)
        if self.resolver:
            resolver.nameservers, resolver.port = [self.resolver[0]], self.resolver[1]
        return resolver.resolve(self.name, self.record, lifetime=self.timeout_ms / 1000, search=False)

    def _explained(self, error: dns.exception.DNSException) -> tuple[FailureKind, str]:
        if isinstance(error, dns.resolver.LifetimeTimeout | dns.exception.Timeout):
            return FailureKind.TIMEOUT, f"timed out after {self.timeout_ms / 1000:.1f} s while waiting for the resolver"
        if isinstance(error, dns.resolver.NXDOMAIN):
            return FailureKind.DNS, f"there is no name {self.name}"
        if isinstance(error, dns.resolver.NoAnswer):
            return FailureKind.ANSWER, f"{self.name} has no {self.record} record"
        if isinstance(error, dns.resolver.NoNameservers):
            return FailureKind.DNS, f"no resolver could answer for {self.name}: {_servers_said(error)}"
        return FailureKind.DNS, f"the name {self.name} could not be asked for"


def _servers_said(error: dns.resolver.NoNameservers) -> str:
    said = {str(attempt[3]).partition("\n")[0] for attempt in error.kwargs.get("errors", [])}
    return ", ".join(sorted(said))[:120] or "it gave no reason"


def _shown(record: Any) -> str:
    return str(record.to_text()).removesuffix(".")


def compile_dns(row: Definition, faults: Faults) -> DnsCheck | None:
    """The check of a definition, or ``None`` with its faults noted."""
    faults.only(row.options, {"record": str, "resolver": str})
    record = str(row.options.get("record", "A")).upper()
    if record not in RECORDS:
        faults.note("options.record", f"The type of record must be one of {', '.join(RECORDS)}.")
    name = _name(row.target, faults)
    resolver = _resolver(str(row.options.get("resolver", "")).strip(), faults)
    faults.timeout_s(row)
    conditions = faults.conditions(row)
    _compare_with_addresses(record, conditions, faults)
    return None if faults.found else DnsCheck(name, record, resolver, conditions, row.timeout_ms)


def _compare_with_addresses(record: str, conditions: Iterable[Condition], faults: Faults) -> None:
    """Note what no record of addresses can be."""
    for condition in conditions:
        for wanted in condition.wanted if isinstance(condition, Answers) and record in _ADDRESSES else ():
            try:
                is_fit = ipaddress.ip_address(wanted).version == _ADDRESSES[record]
            except ValueError:
                is_fit = False
            if not is_fit:
                example = "192.0.2.10" if record == "A" else "2001:db8::1"
                faults.note("conditions", f"“{wanted[:40]}” is never in a record of type {record}; write {example}.")


def _name(text: str, faults: Faults) -> str:
    try:
        name = dns.name.from_unicode(text.strip().removesuffix("."), origin=None) if text.strip() else None
    except (dns.exception.DNSException, UnicodeError):
        name = None
    if name is None or len(name) < 1 or "/" in text or " " in text.strip():
        faults.note("target", "Write a name to look up, such as www.example.org.")
        return ""
    return name.to_text()


def _resolver(text: str, faults: Faults) -> tuple[str, int] | None:
    if not text:
        return None
    try:
        address: Any = ipaddress.ip_address(text)
        port = 53
    except ValueError:
        host, _, number = text.rpartition(":")
        try:
            address, port = ipaddress.ip_address(host.strip("[]")), int(number)
        except ValueError:
            faults.note(
                "options.resolver", "A resolver is an IP address, with a port if it is not 53, such as 9.9.9.9:53."
            )
            return None
    if not 1 <= port <= 65535:
        faults.note("options.resolver", "The port must be between 1 and 65535.")
    if why := refusal(address, faults.networks):
        faults.note("options.resolver", f"{why[0].upper()}{why[1:]}.")
    return str(address), port
