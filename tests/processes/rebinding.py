"""Names that lead elsewhere the second time, played through in a network of our own; prints what came of it as JSON.

Run as `unshare --user --map-root-user --net --mount python -m tests.processes.rebinding`: the loopback device then has
a public, a private and the metadata address, each with a server that counts, and the system's resolver is ours.
"""

import fcntl
import json
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict, deque
from socket import AF_INET, SOCK_DGRAM, inet_aton, socket

import dns.message
import dns.rrset

from monitoring.probes import compile_check, run
from postdeploy.lib.http import Request, fetch, forget_connections
from tests.monitoring.probing import Row
from tests.targets import Target

# linux/sockios.h and net/if.h
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IFF_UP_AND_RUNNING = 0x8914, 0x8916, 0x891C, 0x41
PUBLIC, PRIVATE, METADATA, PORT = "93.184.216.34", "10.0.0.5", "169.254.169.254", 8080


class Stub:
    """A name server that answers each name with the next of its answers, the last one for ever."""

    def __init__(self):
        self.answers = defaultdict(deque)
        self.asked = Counter()
        self.socket = socket(AF_INET, SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def says(self, name, *answers):
        self.answers[f"{name}."] = deque(answers)

    def serve(self):
        while True:
            data, peer = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(dns.message.from_wire(data)).to_wire(), peer)

    def answer(self, query):
        (question,) = query.question
        response, name, record = dns.message.make_response(query), question.name.to_text(), question.rdtype.name
        waiting = self.answers[name]
        if record == "A" and waiting:
            self.asked[name] += 1
            addresses = waiting.popleft() if len(waiting) > 1 else waiting[0]
            if addresses := [address for address in addresses.split() if ":" not in address]:
                response.answer.append(dns.rrset.from_text(name, 0, "IN", "A", *addresses))
        elif record == "AAAA" and waiting and ":" in waiting[0]:
            response.answer.append(dns.rrset.from_text(name, 0, "IN", "AAAA", *waiting[0].split()))
        return response


def set_up():
    with socket(AF_INET, SOCK_DGRAM) as control:
        flags = struct.pack("16sH14x", b"lo", IFF_UP_AND_RUNNING)
        fcntl.ioctl(control, SIOCSIFFLAGS, flags)
        for number, address in enumerate((PUBLIC, PRIVATE, METADATA), start=1):
            for request, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.255")):
                name = f"lo:{number}".encode()
                fcntl.ioctl(control, request, struct.pack("16sH2x4s8x", name, AF_INET, inet_aton(value)))
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", file.name, "/etc/resolv.conf"], check=True)


def told(failure, detail, **more):
    return {"failure": str(failure.value) if failure else None, "detail": detail, **more}


def asked(name, **options):
    outcome = fetch(Request(f"http://{name}:{PORT}/", timeout_s=5, fresh=True, **options), ())
    return told(outcome.failure, outcome.detail, address=outcome.address, status=outcome.status)


def read(kind, target):
    reading = run(compile_check(Row(target, kind, timeout_ms=5000)), ())
    return told(reading.kind, reading.detail)


def play(stub, public):
    """Each scene by its name."""
    stub.says("good.test", PUBLIC)
    yield "public", asked("good.test")
    stub.says("rebinds.test", PUBLIC, "127.0.0.1")
    yield "first", asked("rebinds.test")
    yield "rebound", asked("rebinds.test")
    for word, address in (
        ("private", PRIVATE), ("metadata", METADATA), ("mapped", "::ffff:10.0.0.5"), ("nat64", "64:ff9b::7f00:1"),
        ("6to4", "2002:7f00:1::1"),
    ):  # fmt: skip
        stub.says(f"{word}.test", address)
        yield word, asked(f"{word}.test")
    stub.says("both.test", f"127.0.0.1 {PUBLIC}")
    yield "both", asked("both.test")
    public.set("/", redirect=f"http://metadata.test:{PORT}/latest/meta-data/")
    yield "redirected", asked("good.test", follow=True)
    public.set("/")
    for kind in ("TCP", "TLS"):
        stub.says(f"{kind.lower()}.test", PUBLIC, "127.0.0.1")
        if kind == "TCP":
            yield "tcp first", read(kind, f"tcp.test:{PORT}")
        else:
            read(kind, f"tls.test:{PORT}")
        yield f"{kind.lower()} rebound", read(kind, f"{kind.lower()}.test:{PORT}")
    yield "kept", kept(stub)


def kept(stub):
    """A connection that is kept leads where it led when it was opened, whatever the name says since."""
    forget_connections()
    stub.says("kept.test", PUBLIC, "127.0.0.1")
    for _ in range(2):
        outcome = fetch(Request(f"http://kept.test:{PORT}/", timeout_s=5), ())
    return told(outcome.failure, outcome.detail, address=outcome.address, status=outcome.status)


def main():
    set_up()
    stub = Stub()
    servers = {address: Target(address, PORT) for address in (PUBLIC, PRIVATE, METADATA, "127.0.0.1")}
    scenes = dict(play(stub, servers[PUBLIC]))
    arrived = {address: server.connections for address, server in servers.items()}
    json.dump({"scenes": scenes, "arrived": arrived}, sys.stdout)


if __name__ == "__main__":
    main()
