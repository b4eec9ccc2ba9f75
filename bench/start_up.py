"""How long `make run` takes to the first page: python3 bench/start_up.py [times]

Cold: a copy of the checkout's files with nothing installed and no data, the package cache of pip and uv as it is.
Warm: the same copy again, everything installed and the database filled. Limits: cold 15 s, warm 5 s.
"""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"cold": 15.0, "warm": 5.0}
GIVE_UP_SECONDS = 60


def main() -> None:
    """Measure and print; end with 1 if a limit is passed."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory(prefix="postdeploy-bench-") as name:
        copy = Path(name) / "checkout"
        measured = {"cold": [cold(copy) for _ in range(times)], "warm": [run(copy) for _ in range(times)]}
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for kind, seconds in measured.items():
        print(f"{kind}  best {min(seconds):5.1f} s  worst {max(seconds):5.1f} s  limit {LIMITS[kind]:4.1f} s")
    sys.exit(any(min(seconds) > LIMITS[kind] for kind, seconds in measured.items()))


def cold(copy: Path) -> float:
    """Return the seconds of a start from nothing."""
    shutil.rmtree(copy, ignore_errors=True)
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for file in subprocess.check_output(listing, cwd=ROOT, text=True).splitlines():
        if (ROOT / file).is_file():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, copy / file)
    return run(copy)


def run(copy: Path) -> float:
    """Start, wait for the first page, stop; return the seconds until the page."""
    port = free_port()
    began = time.monotonic()
    log = (copy / "start_up.log").open("wb")
    command = ["make", "run", f"BIND=127.0.0.1:{port}", "DEMO=0"]
    process = subprocess.Popen(command, cwd=copy, stdout=log, stderr=log, start_new_session=True)
    try:
        while not answers(port):
            if process.poll() is not None or time.monotonic() - began > GIVE_UP_SECONDS:
                sys.exit((copy / "start_up.log").read_text()[-3000:])
            time.sleep(0.02)
        return time.monotonic() - began
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        log.close()


def answers(port: int) -> bool:
    """Tell whether the first page is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


if __name__ == "__main__":
    main()
