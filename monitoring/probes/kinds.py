"""Every kind of check in one place: from a definition to something that can be read, and one reading of it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from monitoring.probes.definitions import Definition, DefinitionRefused, Kind
from monitoring.probes.dns import DnsCheck, compile_dns
from monitoring.probes.facts import Facts
from monitoring.probes.faults import Faults
from monitoring.probes.flow import FlowCheck, compile_flow
from monitoring.probes.heartbeat import HeartbeatCheck, compile_heartbeat
from monitoring.probes.http import HttpCheck, compile_http, look
from monitoring.probes.readings import Reading, Seen, judged
from monitoring.probes.reconciliation import ReconciliationCheck, compile_reconciliation
from monitoring.probes.tcp import TcpCheck, compile_tcp
from monitoring.probes.tls import TlsCheck, compile_tls
from postdeploy.lib.addresses import Network

Check = HttpCheck | TcpCheck | TlsCheck | DnsCheck | HeartbeatCheck | FlowCheck | ReconciliationCheck

_COMPILE: dict[str, Callable[[Definition, Faults], Check | None]] = {
    Kind.HTTP: compile_http,
    Kind.TCP: compile_tcp,
    Kind.TLS: compile_tls,
    Kind.DNS: compile_dns,
    Kind.HEARTBEAT: compile_heartbeat,
    Kind.FLOW: compile_flow,
    Kind.RECONCILIATION: compile_reconciliation,
}


def compile_check(row: Definition, networks: Iterable[Network | str] | None = None) -> Check:
    """What a definition asks, ready to be asked again and again; DefinitionRefused names each field that is wrong.

    With `networks`, the installation's allow-list, addresses that may not be connected to are refused here already.
    SecretUnreadable when the secrets were stored under another SECRET_KEY.
    """
    faults = Faults(networks)
    if row.kind not in _COMPILE:
        raise DefinitionRefused({"kind": f"{row.kind[:20]!r} is no kind of check; there are {', '.join(Kind)}."})
    check = _COMPILE[row.kind](row, faults)
    if faults.found or check is None:
        raise DefinitionRefused(faults.found or {"kind": "This check cannot be asked."})
    return check


def refusals(row: Definition, networks: Iterable[Network | str]) -> dict[str, str]:
    """What is wrong with a check that somebody wants to save: field name to sentence; empty if nothing."""
    try:
        compile_check(row, networks)
    except DefinitionRefused as refused:
        return refused.faults
    return {}


def see(
    check: Check, networks: Iterable[Network | str], *, now: datetime | None = None, facts: Facts | None = None
) -> Seen:
    """Look once, without judging; waits at most for the check's time limit."""
    if isinstance(check, HttpCheck):
        return look(check, networks)
    if isinstance(check, HeartbeatCheck):
        return check.look(networks, facts=facts, now=now or datetime.now(UTC))
    if isinstance(check, ReconciliationCheck):
        return check.look(networks, facts=facts)
    return check.look(networks)


def run(
    check: Check, networks: Iterable[Network | str], *, now: datetime | None = None, facts: Facts | None = None
) -> Reading:
    """Read a check once; blocks at most for its time limit, and may be called from any thread.

    `facts` are needed where the check says so (``needs_facts``): ``monitoring.selectors.facts_of``.
    """
    return judged(see(check, networks, now=now, facts=facts), check.conditions, check.hidden)
