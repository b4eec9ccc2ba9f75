"""Runs named programs, shows their output line by line, restarts what ends, and leaves nothing behind.

Everything waits for an event (a line, an ended child, a signal, a time); standard library only.
"""

import asyncio
import os
import selectors
import signal
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from postdeploy.processes import signal_group, spawn
from postdeploy.undertaker import Undertaker

FIRST_DELAY, LONGEST_DELAY, HEALTHY_AFTER = 1.0, 60.0, 60.0  # seconds
LONGEST_LINE = 64 * 1024
LONGEST_BACKLOG = 1024 * 1024
SAFE_WRITE = 4096  # PIPE_BUF: a pipe that is ready takes this much without blocking


@dataclass(frozen=True)
class Program:
    """One program to keep running: how to start it, and how to stop it."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: signal.Signals = signal.SIGTERM
    is_server: bool = False  # the others use it, so it is stopped after them
    may_finish: bool = False  # it has an end: exit 0 is not restarted
    is_late: bool = False  # it uses the others, so it starts when `meanwhile` says that they answer
    running: subprocess.Popen[bytes] | None = None  # if somebody started it already
    explain: Callable[[], str] | None = None  # why it ended, if that can be known


def command(
    name: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    lock: int | None = None,
) -> Program:
    """Return the program that runs `arguments`; it holds the descriptor `lock` open while it lives."""
    start = partial(
        spawn,
        list(arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        cwd=directory,
        pass_fds=() if lock is None else (lock,),
    )
    return Program(name, start)


class Backoff:
    """How long to wait before the next start: 1 s, 2 s, 4 s … 60 s, and 1 s again after a minute of health."""

    def __init__(self) -> None:
        self._next = FIRST_DELAY

    def after(self, lived: float) -> float:
        """Return the seconds to wait for a program that ended after `lived` seconds."""
        delay = FIRST_DELAY if lived >= HEALTHY_AFTER else self._next
        self._next = min(2 * delay, LONGEST_DELAY)
        return delay


class Output:
    """Our standard output. It never blocks us: a stopped reader loses lines, a closed one loses all, nobody stops."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._size = self._lost = 0
        self._is_closed = self._is_listening = False

    def write(self, line: bytes) -> None:
        """Show one line (without its end) as soon as the reader takes it."""
        if self._is_closed:
            return
        if self._size > LONGEST_BACKLOG:
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self._append(f"({lost} lines are not shown: nobody read them in time)".encode())
        self._append(line)
        self._listen()

    def flush(self) -> None:
        """Write what is waiting, at the end, unless the reader does not take it now."""
        with selectors.PollSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_WRITE)
            while self._waiting and selector.select(0.2):
                self._write_some()

    def _append(self, line: bytes) -> None:
        self._waiting.append(line + b"\n")
        self._size += len(line) + 1

    def _listen(self) -> None:
        if not self._is_listening:
            self._is_listening = True
            asyncio.get_running_loop().add_writer(self._descriptor, self._write_when_ready)

    def _write_when_ready(self) -> None:
        self._write_some()
        if not self._waiting:
            self._is_listening = False
            asyncio.get_running_loop().remove_writer(self._descriptor)

    def _write_some(self) -> None:
        piece = self._waiting.popleft()
        try:
            written = os.write(self._descriptor, piece[:SAFE_WRITE])
        except BlockingIOError:
            written = 0
        except OSError:  # the reader is gone, or the disk of the file is full
            self._is_closed = True
            self._waiting.clear()
            return
        self._size -= written
        if written < len(piece):
            self._waiting.appendleft(piece[written:])


class Supervisor:
    """Keeps programs running until SIGINT, SIGTERM or SIGHUP, then stops them, servers last."""

    def __init__(self, programs: Sequence[Program], *, patience: float = 10.0, output: int = 1) -> None:
        self._programs = programs
        self._patience = patience  # seconds from the stop signal to SIGKILL
        self._width = max((len(program.name) for program in programs), default=0)
        self._output = Output(output)
        self._undertaker = Undertaker()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ends: dict[str, asyncio.Future[None]] = {}

    def run(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """Start all and return when all are stopped. `meanwhile` runs beside them and ends when they answer."""
        # Poll, unlike epoll, takes the regular file that our output may be.
        loop_factory = partial(asyncio.SelectorEventLoop, selectors.PollSelector())
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(self._run(meanwhile))
        self._undertaker.close()
        self._output.flush()

    def say(self, text: str) -> None:
        """Show a line of our own."""
        self._output.write(text.encode())

    async def _run(self, meanwhile: Callable[[], Awaitable[None]] | None) -> None:
        self._answering, self._stopping, self._hurrying = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._listen_to_signals()
        keepers = {program.name: asyncio.create_task(self._keep(program)) for program in self._programs}
        beside = asyncio.create_task(self._run_beside(meanwhile))
        stop = asyncio.create_task(self._stopping.wait())
        # A keeper that ends by itself is a fault of ours: better stop, and raise it below, than watch no longer.
        await asyncio.wait([stop, *keepers.values()], return_when=asyncio.FIRST_COMPLETED)
        self._stopping.set()
        self._answering.set()
        beside.cancel()
        for are_servers in (False, True):
            await self._stop([program for program in self._programs if program.is_server == are_servers], keepers)

    async def _run_beside(self, meanwhile: Callable[[], Awaitable[None]] | None) -> None:
        try:
            if meanwhile:
                await meanwhile()
        except Exception as error:  # what runs beside must not stop the programs
            self.say(f"{type(error).__name__}: {error}")
        self._answering.set()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._notice_ends)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup does
                loop.add_signal_handler(number, self._ask_to_stop)

    def _ask_to_stop(self) -> None:
        if self._stopping.is_set():
            self._hurrying.set()
        else:
            self.say("stopping (once more to stop at once)")
            self._stopping.set()

    # --- one program -------------------------------------------------------------------------------------------------

    async def _keep(self, program: Program) -> None:
        loop, backoff = asyncio.get_running_loop(), Backoff()
        process = program.running
        if program.is_late:
            await self._answering.wait()
        while not self._stopping.is_set():
            began = loop.time()
            how, is_finished = await self._run_once(program, process)
            if self._stopping.is_set():
                return
            if is_finished:
                await self._stopping.wait()
                return
            delay, process = backoff.after(loop.time() - began), None
            self.say(f"{program.name} {how}; restarting in {delay:.0f} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _run_once(self, program: Program, process: subprocess.Popen[bytes] | None) -> tuple[str, bool]:
        """Run the program to its end, starting it unless it runs; return how that went, and if all is done."""
        try:
            process = process or program.start()
        except (OSError, subprocess.SubprocessError) as error:
            return f"cannot start: {error}", False
        self._undertaker.add(process.pid)
        self._processes[program.name] = process
        self._show_output(program.name, process)
        await self._end_of(program.name)
        signal_group(process, signal.SIGKILL)  # what it started must not go on without it
        self._undertaker.remove(process.pid)
        del self._processes[program.name]
        reason = program.explain() if program.explain and process.returncode > 0 else ""
        how = f"ended ({_how_it_ended(process.returncode)})" + (f": {reason}" if reason else "")
        return how, program.may_finish and process.returncode == 0

    async def _end_of(self, name: str) -> None:
        end = self._ends[name] = asyncio.get_running_loop().create_future()
        self._notice_ends()  # it may have ended before we listened
        await end
        del self._ends[name]

    def _notice_ends(self) -> None:
        if not self._stopping.is_set() and self._undertaker.revive():
            self.say("the undertaker ended; started again")
        for name, end in self._ends.items():
            if not end.done() and self._processes[name].poll() is not None:
                end.set_result(None)

    def _show_output(self, name: str, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            return
        os.set_blocking(process.stdout.fileno(), False)
        lines = Lines(partial(self._show_line, f"{name:<{self._width}} | ".encode()))
        asyncio.get_running_loop().add_reader(process.stdout, self._read, process, lines)

    def _show_line(self, prefix: bytes, line: bytes) -> None:
        self._output.write(prefix + line)

    def _read(self, process: subprocess.Popen[bytes], lines: "Lines") -> None:
        assert process.stdout
        try:
            data = os.read(process.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        if data:
            lines.feed(data)
            return
        lines.end()
        asyncio.get_running_loop().remove_reader(process.stdout)
        process.stdout.close()

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _stop(self, programs: Sequence[Program], keepers: Mapping[str, asyncio.Task[None]]) -> None:
        for program in programs:
            process = self._processes.get(program.name)
            if process and process.poll() is None:
                process.send_signal(program.stop_signal)
        hurry = asyncio.create_task(self._hurrying.wait())
        done = asyncio.gather(*(keepers[program.name] for program in programs))
        both: list[asyncio.Future[Any]] = [hurry, done]
        await asyncio.wait(both, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        for program in programs:
            process = self._processes.get(program.name)
            if process:
                self.say(f"{program.name} does not stop: killed")
                signal_group(process, signal.SIGKILL)
        await done


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self, show: Callable[[bytes], None]) -> None:
        self._show = show
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Show the lines that `data` completes; a line without an end is cut when it gets too long."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._show(line.rstrip(b"\r"))
        if len(self._rest) > LONGEST_LINE:
            self.end()

    def end(self) -> None:
        """Show what is left."""
        if self._rest:
            self._show(self._rest)
        self._rest = b""


def _how_it_ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"
