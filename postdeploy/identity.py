"""Who the embedded PostgreSQL runs as: it refuses root and users without a name. Standard library only."""

import ctypes
import os
import platform
import pwd
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from postdeploy.processes import IS_LINUX, StartError, libc

CLONE_NEWUSER = 0x10000000
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2
CAPABILITY_VERSION_3, CAP_DAC_OVERRIDE = 0x20080522, 1


class EmbeddedError(StartError):
    """An embedded server cannot start or run; the text is one sentence for a person."""


def no_wheel() -> EmbeddedError:
    """Return the error for a platform that the wheels do not serve."""
    return EmbeddedError(
        f"no embedded PostgreSQL and Valkey for this platform ({platform.system()} {platform.machine()}): "
        "start servers of your own and set DATABASE_URL and REDIS_URL"
    )


@dataclass(frozen=True)
class Identity:
    """Who the server runs as: what its child does before exec, and who must own the data, as (uid, gid)."""

    before_exec: Callable[[], None] | None
    owner: tuple[int, int]

    def own(self, data: Path) -> None:
        """Give `data` and all in it to the server's user, unless they are."""
        if data.stat().st_uid == self.owner[0]:
            return
        for path in (data, *data.rglob("*")):
            os.chown(path, *self.owner, follow_symlinks=False)


def find_identity(binary: Path) -> Identity:
    """Return the first identity under which the binary runs; PostgreSQL refuses root and users without a name."""
    for identity in _candidates():
        if _can_run(binary, identity):
            return identity
    raise EmbeddedError(
        "PostgreSQL refuses to run as this user, and the system refuses a user namespace: "
        "start as a plain user, or set DATABASE_URL to a server of your own"
    )


def _candidates() -> list[Identity]:
    ours = (os.geteuid(), os.getegid())
    if ours[0] != 0 and _has_name(ours[0]):
        return [Identity(None, ours)]
    namespace = [Identity(_in_namespace(*ours), ours)] if IS_LINUX else []
    if ours[0] != 0 or not IS_LINUX:
        return namespace
    nobody = pwd.getpwnam("nobody")
    return [*namespace, Identity(_as_user(nobody.pw_uid, nobody.pw_gid), (nobody.pw_uid, nobody.pw_gid))]


def _can_run(binary: Path, identity: Identity) -> bool:
    try:
        done = subprocess.run([binary, "-V"], preexec_fn=identity.before_exec, capture_output=True, check=False)
    except subprocess.SubprocessError:  # raised by before_exec: the system refuses this identity
        return False
    except OSError as error:
        raise no_wheel() from error
    if done.returncode:
        raise no_wheel()
    return True


def _has_name(uid: int) -> bool:
    return any(entry.pw_uid == uid for entry in pwd.getpwall())


def _in_namespace(uid: int, gid: int) -> Callable[[], None]:
    """Return what makes a child look like a named plain user to itself, while outside it and its files stay ours."""
    inner = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0)

    def enter() -> None:
        _demand(libc.unshare(CLONE_NEWUSER))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{inner} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{inner} {gid} 1")

    return enter


def _as_user(uid: int, gid: int) -> Callable[[], None]:
    """Return what turns a child of root into that user, who may still enter our directories: for root in a container.

    The one capability kept is the one to pass file permissions, because the checkout may lie below a closed /root.
    """
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    kept = struct.pack("=6I", *([1 << CAP_DAC_OVERRIDE] * 3), 0, 0, 0)

    def become() -> None:
        _demand(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        _demand(libc.capset(header, kept))
        _demand(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))

    return become


def _demand(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
