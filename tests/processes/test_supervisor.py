"""The supervisor, seen from outside: what it shows, what it restarts, and what is left when it is gone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postdeploy.supervisor import Backoff, Lines
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
# Says its number and that of a child which outlives it, unless somebody ends both.
FAMILY = "import os,subprocess,time; c=subprocess.Popen(['sleep','600']); print(os.getpid(), c.pid, flush=True); "
STUBBORN = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; "


def python(code):
    return [sys.executable, "-c", code]


class Supervised:
    """A supervisor in a process of its own, its output in a file."""

    def __init__(self, commands, output, *arguments):
        self.path = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.processes.supervise", json.dumps(commands), *arguments],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def lines(self):
        return self.path.read_text().splitlines()

    def line(self, start):
        """Return the first line that starts so, waiting for it."""
        return until(lambda: next((line for line in self.lines if line.startswith(start)), None), what=start)

    def pids(self, name):
        return [int(word) for word in self.line(f"{name} | ").split("|")[1].split()]

    def stop(self):
        self.process.terminate()
        return self.process.wait(15)


@pytest.fixture
def supervise(tmp_path):
    started = []

    def start(commands, *arguments):
        started.append(Supervised(commands, tmp_path / f"output{len(started)}", *arguments))
        return started[-1]

    yield start
    for supervised in started:
        supervised.process.kill()
        supervised.process.wait()


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_it_shows_each_line_behind_the_name_of_its_program(supervise):
    supervised = supervise(
        {"web": python("print('one\\ntwo'); input()"), "worker": python("print('three', end='', flush=True); 1/0")}
    )
    supervised.line("web    | two")
    supervised.line("worker | ZeroDivisionError")
    assert "web    | one" in supervised.lines
    supervised.stop()


def test_a_program_that_ends_is_restarted_and_said_so(supervise):
    supervised = supervise({"worker": python("import os; print(os.getpid()); os.kill(os.getpid(), 9)")})
    supervised.line("worker ended (signal 9); restarting in 1 s")
    supervised.line("worker ended (signal 9); restarting in 2 s")
    first, second = [line for line in supervised.lines if line.startswith("worker |")][:2]
    assert first != second
    supervised.stop()


def test_a_program_that_cannot_start_is_said_so_and_tried_again(supervise):
    supervised = supervise({"web": ["/nowhere/web"], "beat": python("print('here'); input()")})
    assert "No such file" in supervised.line("web cannot start")
    supervised.line("beat | here")
    supervised.line("web cannot start: [Errno 2] No such file or directory: '/nowhere/web'; restarting in 2 s")
    assert supervised.stop() == 0


def test_a_program_with_an_end_is_not_restarted_after_it_but_after_a_fault(supervise, tmp_path):
    fails_once = f"import os, pathlib, sys; p = pathlib.Path({str(tmp_path / 'once')!r}); print('run', p.exists());"
    supervised = supervise(
        {"task": python(fails_once + "sys.exit(0) if p.exists() else p.touch(); sys.exit(1)"), "web": ["/nowhere/web"]}
    )
    supervised.line("task ended (exit 1); restarting in 1 s")
    supervised.line("task | run True")
    supervised.line("web cannot start: [Errno 2] No such file or directory: '/nowhere/web'; restarting in 4 s")
    assert len([line for line in supervised.lines if line.startswith("task")]) == 3
    assert supervised.stop() == 0


def test_a_late_program_starts_when_the_others_answer(supervise, tmp_path, monkeypatch):
    monkeypatch.setenv("READY", str(tmp_path / "ready"))
    late = python(f"import pathlib; print('ready', pathlib.Path({str(tmp_path / 'ready')!r}).exists()); input()")
    supervised = supervise({"late": late, "web": python("print('here'); import time; time.sleep(600)")})
    supervised.line("web  | here")
    assert not [line for line in supervised.lines if line.startswith("late")]
    (tmp_path / "ready").touch()
    supervised.line("late | ready True")
    supervised.stop()


def test_a_late_program_that_never_started_does_not_hold_up_the_end(supervise, tmp_path, monkeypatch):
    monkeypatch.setenv("READY", str(tmp_path / "never"))
    supervised = supervise(
        {"late": python("print('started')"), "web": python("print('here'); import time; time.sleep(600)")}
    )
    supervised.line("web  | here")
    assert supervised.stop() == 0
    assert "late | started" not in supervised.lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_with_all_children(supervise, number):
    supervised = supervise({name: python(FAMILY + "c.wait()") for name in ("web", "beat")})
    pids = supervised.pids("web ") + supervised.pids("beat")
    supervised.process.send_signal(number)
    assert supervised.process.wait(10) == 0
    assert not [pid for pid in pids if is_running(pid)]


def test_a_program_that_does_not_stop_is_killed_after_the_deadline(supervise):
    supervised = supervise({"web": python(STUBBORN + FAMILY + "time.sleep(600)")}, "0.3")
    pids = supervised.pids("web")
    assert supervised.stop() == 0
    supervised.line("web does not stop: killed")
    assert not [pid for pid in pids if is_running(pid)]


def test_a_second_signal_does_not_wait(supervise):
    supervised = supervise({"web": python(STUBBORN + FAMILY + "time.sleep(600)")}, "600")
    supervised.pids("web")
    supervised.process.terminate()
    supervised.line("stopping")
    assert supervised.stop() == 0


@pytest.mark.parametrize("nature", ["", STUBBORN])
def test_nothing_is_left_when_the_supervisor_is_killed(supervise, nature):
    supervised = supervise({name: python(nature + FAMILY + "c.wait()") for name in ("web", "beat")})
    pids = supervised.pids("web ") + supervised.pids("beat")
    supervised.process.kill()
    until(lambda: not [pid for pid in pids if is_running(pid)], what="all children to be gone")


def test_nothing_is_left_of_a_killed_program(supervise):
    supervised = supervise({"web": python(FAMILY + "c.wait()")})
    leader, child = supervised.pids("web")
    os.kill(leader, signal.SIGKILL)
    supervised.line("web ended (signal 9)")
    assert not is_running(child)
    supervised.stop()


def test_nothing_is_left_when_supervisor_and_program_are_killed_together(supervise):
    supervised = supervise({"web": python(FAMILY + "c.wait()")})
    leader, child = supervised.pids("web")
    supervised.process.kill()
    os.kill(leader, signal.SIGKILL)
    until(lambda: not is_running(child), what="the grandchild to be gone")


def test_a_killed_undertaker_is_replaced_at_once_with_the_whole_list(supervise):
    supervised = supervise({"web": python(FAMILY + "c.wait()")})
    leader, child = supervised.pids("web")
    os.kill(undertaker_of(supervised.process.pid), signal.SIGKILL)
    supervised.line("the undertaker ended; started again")
    supervised.process.kill()
    os.kill(leader, signal.SIGKILL)
    until(lambda: not is_running(child), what="the grandchild to be gone")


def undertaker_of(pid):
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if is_running(child) and b"undertaker.py" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    return None


def test_a_closed_output_stops_nobody(tmp_path):
    commands = {"web": python(f"import time, pathlib\nwhile True: print('x' * 1000, flush=True); {touch(tmp_path)}")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.supervise", json.dumps(commands)], cwd=ROOT, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    (tmp_path / "alive").unlink(missing_ok=True)
    until((tmp_path / "alive").exists, what="the program to go on")
    assert process.poll() is None
    process.terminate()
    assert process.wait(10) == 0


def test_an_output_that_nobody_reads_stops_nobody(tmp_path):
    noise = f"print('x' * 100_000, flush=True); {touch(tmp_path)}"
    commands = {"web": python(f"import pathlib, time\nfor _ in range(100): {noise}\ntime.sleep(600)")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.supervise", json.dumps(commands)], cwd=ROOT, stdout=subprocess.PIPE
    )
    until((tmp_path / "alive").exists, what="the program to write all it had")
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()


def touch(directory):
    return f"pathlib.Path({str(directory / 'alive')!r}).touch()"


def test_it_sleeps_when_nothing_happens(supervise):
    supervised = supervise({"web": python("print('ready', flush=True); import time; time.sleep(600)")})
    supervised.line("web | ready")
    before = switches(supervised.process.pid)
    beside = subprocess.run([sys.executable, "-c", "import time; time.sleep(0.5)"], check=True)
    assert beside.returncode == 0
    assert switches(supervised.process.pid) - before < 5
    supervised.stop()


def switches(pid):
    """How often the process woke up so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("voluntary_ctxt")).split()[1])


def test_the_pause_doubles_up_to_a_minute_and_starts_again_after_a_healthy_one():
    backoff = Backoff()
    assert [backoff.after(0.1) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.after(60) == 1
    assert backoff.after(59) == 2


def test_a_stream_is_cut_into_lines_however_it_arrives():
    shown = []
    lines = Lines(shown.append)
    for piece in (b"o", b"ne\r\ntw", b"o\n\nthr", b"ee"):
        lines.feed(piece)
    lines.end()
    assert shown == [b"one", b"two", b"", b"three"]


def test_a_line_without_an_end_is_cut():
    shown = []
    Lines(shown.append).feed(b"x" * 100_000)
    assert shown == [b"x" * 100_000]
