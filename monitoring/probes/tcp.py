"""TCP checks: a port answers, and perhaps says what is expected after something was sent."""

import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from monitoring.conditions import Answer, Condition
from monitoring.conditions.kinds import Text
from monitoring.probes.definitions import Definition
from monitoring.probes.faults import Faults
from monitoring.probes.readings import FailureKind, Seen, milliseconds
from postdeploy.lib.addresses import Network
from postdeploy.lib.http import MAX_BODY, Failure, Phase, Timings
from postdeploy.lib.sockets import Deadline, SocketFailed, open_socket, receive

MAX_SENT = 1000
#: Mail servers: what is written to them can become a mail.
_ONLY_LISTEN = frozenset({25, 465, 587})
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class TcpCheck:
    """A host and port, what is sent there, and what is expected of the answer."""

    host: str
    port: int
    send: bytes = b""
    conditions: tuple[Condition, ...] = ()
    timeout_ms: int = 10_000
    hidden: tuple[str, ...] = ()
    needs_facts: bool = False

    def look(self, allowed_networks: Iterable[Network | str], **_unneeded: object) -> Seen:
        """Connect, send, and read until what is expected has come, the stream ends or the time is over."""
        deadline = Deadline(self.timeout_ms / 1000)
        try:
            opened = open_socket(self.host, self.port, allowed_networks, deadline)
        except SocketFailed as failed:
            phases = Timings(total_ms=deadline.spent_ms())
            return Seen(failure=FailureKind(failed.failure), detail=str(failed), phases=phases)
        connected = Timings(opened.dns_ms, opened.connect_ms, total_ms=deadline.spent_ms())
        wanted = [one for one in self.conditions if isinstance(one, Text)]
        if not wanted and not self.send:
            opened.socket.close()
            words = f"connected in {milliseconds(connected.total_ms)}"
            return Seen(Answer(connected.total_ms), words=words, phases=connected, address=opened.address)
        answer, phases, failed_with = Answer(), connected, None
        with closing(opened.socket):
            try:
                opened.socket.settimeout(deadline.left(Phase.FIRST_BYTE))
                opened.socket.sendall(self.send)
                phases = self._listen(opened.socket, wanted, answer, connected, deadline)
            except SocketFailed as failed:
                failed_with = failed if not answer.body else None
            except OSError:
                failed_with = SocketFailed(_RESET, "the connection was reset while sending")
        answer.time_ms = deadline.spent_ms()
        phases = Timings(phases.dns_ms, phases.connect_ms, 0, phases.first_byte_ms, answer.time_ms)
        return Seen(
            answer=answer,
            failure=FailureKind(failed_with.failure) if failed_with else None,
            detail=str(failed_with or ""),
            words=f"answered in {milliseconds(answer.time_ms)}",
            phases=phases,
            address=opened.address,
        )

    def _listen(
        self, stream: Any, wanted: list[Text], answer: Answer, connected: Timings, deadline: Deadline
    ) -> Timings:
        first_byte_ms = 0.0
        while len(answer.body) < MAX_BODY:
            chunk = receive(stream, 16_384, deadline, Phase.BODY if answer.body else Phase.FIRST_BYTE)
            first_byte_ms = first_byte_ms or deadline.spent_ms() - connected.total_ms
            answer.body += chunk
            if not chunk or all(condition.complaint(answer) is None for condition in wanted):
                break
        return Timings(connected.dns_ms, connected.connect_ms, 0, first_byte_ms, deadline.spent_ms())


_RESET = Failure.RESET


def compile_tcp(row: Definition, faults: Faults) -> TcpCheck | None:
    """The check of a definition, or ``None`` with its faults noted."""
    faults.only(row.options, {"send": str})
    host, port = faults.host_and_port("target", row.target)
    send = _unescaped(str(row.options.get("send", "")), faults)
    if send and port in _ONLY_LISTEN:
        faults.note("options.send", f"Nothing is sent to a mail server's port {port}; its greeting can be looked at.")
    faults.timeout_s(row)
    conditions = faults.conditions(row)
    return None if faults.found else TcpCheck(host, port, send, conditions, row.timeout_ms)


def _unescaped(text: str, faults: Faults) -> bytes:
    if len(text) > MAX_SENT:
        faults.note("options.send", f"At most {MAX_SENT} characters are sent.")

    def meant(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        if match[2] not in _ESCAPES:
            faults.note(
                "options.send", rf"\{match[2]} means nothing here; write \r, \n, \t, \0, \\ or \x and two digits."
            )
        return _ESCAPES.get(match[2], "")

    return _ESCAPE.sub(meant, text).encode()
