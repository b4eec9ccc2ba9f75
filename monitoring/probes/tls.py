"""TLS checks: the chain is trusted, the name is right, and the certificate lasts a while."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from monitoring.conditions import Answer, Condition
from monitoring.probes.definitions import Definition
from monitoring.probes.faults import Faults
from monitoring.probes.readings import FailureKind, Seen, days_left
from postdeploy.lib.addresses import Network, UrlRefused, check_host
from postdeploy.lib.http import Timings
from postdeploy.lib.sockets import Deadline, SocketFailed, open_socket, start_tls
from postdeploy.lib.words import plural


@dataclass(frozen=True, slots=True)
class TlsCheck:
    """A host and port, and the name that its certificate has to be for."""

    host: str
    port: int
    server_name: str
    conditions: tuple[Condition, ...] = ()
    timeout_ms: int = 10_000
    hidden: tuple[str, ...] = ()
    needs_facts: bool = False

    def look(self, allowed_networks: Iterable[Network | str], **_unneeded: object) -> Seen:
        """Connect and shake hands."""
        deadline = Deadline(self.timeout_ms / 1000)
        phases, address = Timings(), None
        try:
            opened = open_socket(self.host, self.port, allowed_networks, deadline)
            address = opened.address
            phases = Timings(opened.dns_ms, opened.connect_ms, total_ms=deadline.spent_ms())
            with closing(opened.socket), start_tls(opened.socket, self.server_name, deadline) as secured:
                total_ms = deadline.spent_ms()
                phases = Timings(opened.dns_ms, opened.connect_ms, total_ms - phases.total_ms, total_ms=total_ms)
                certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
                protocol = secured.version() or ""
        except SocketFailed as failed:
            phases = Timings(phases.dns_ms, phases.connect_ms, phases.tls_ms, total_ms=deadline.spent_ms())
            return Seen(failure=FailureKind(failed.failure), detail=str(failed), phases=phases, address=address)
        return _seen(certificate, protocol, phases, address)


def _seen(certificate: x509.Certificate, protocol: str, phases: Timings, address: str | None) -> Seen:
    days = days_left(certificate.not_valid_after_utc) or 0
    return Seen(
        answer=Answer(phases.total_ms, certificate_days=days, protocol=protocol),
        words=f"{protocol}, certificate for {plural(days, 'day')} more",
        phases=phases,
        address=address,
        certificate=_described(certificate, certificate.not_valid_after_utc),
    )


def _described(certificate: x509.Certificate, ends_at: datetime) -> str:
    issuer = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME) or (
        certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    )
    by = f", issued by {str(issuer[0].value)[:80]}" if issuer else ""
    return f"valid until {ends_at:%Y-%m-%d}{by}"


def compile_tls(row: Definition, faults: Faults) -> TlsCheck | None:
    """The check of a definition, or ``None`` with its faults noted."""
    faults.only(row.options, {"server_name": str})
    host, port = faults.host_and_port("target", row.target, default=443)
    name = str(row.options.get("server_name", "")).strip()
    try:
        name = check_host(name, faults.networks) if name else host
    except UrlRefused as refused:
        why = "Write a host name, such as www.example.org." if "host and a port" in str(refused) else str(refused)
        faults.note("options.server_name", why)
    faults.timeout_s(row)
    conditions = faults.conditions(row)
    return None if faults.found else TlsCheck(host, port, name, conditions, row.timeout_ms)
