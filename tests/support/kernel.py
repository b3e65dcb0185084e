"""`python -m tests.support.kernel RELEASE COMMAND…`: a command for which the kernel has another version.

Whatever asks the kernel by uname(2), the command itself, an engine that it starts, programs in that engine's
containers, gets RELEASE. The question is answered here: a seccomp filter hands it over, everything else goes
to the kernel as ever. Needs root, and Linux 5.0 or newer.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import sys
import threading

UNAME = {"x86_64": 63, "aarch64": 160}
SECCOMP = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER, NEW_LISTENER = 1, 8
ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000
REQUEST = struct.Struct("=QIIiIQ6Q")
"""struct seccomp_notif: id, pid, flags, and seccomp_data: nr, arch, instruction pointer, arguments."""
ANSWER = struct.Struct("=QqiI")
"""struct seccomp_notif_resp: id, value, error, flags."""
RECEIVE, SEND = 0xC0502100, 0xC0182101
CLONE_NEWUTS = 0x04000000
FAKED = "SKERRY_FAKED_KERNEL"
"""Tells the command which version it is shown: a kernel takes no second filter inside of the first."""
FIELD = 65
"""Bytes of each of the six texts that uname(2) writes."""

_libc = ctypes.CDLL(None, use_errno=True)


def main(release: str, command: list[str]) -> int:
    """Run the command to its end; its exit code."""
    ours, theirs = socket.socketpair()
    process = os.fork()
    if process == 0:
        with theirs:
            socket.send_fds(theirs, [b"."], [_listener()])
        os.environ[FAKED] = release
        os.execvp(command[0], command)
    theirs.close()  # else a command that was never begun would be waited for
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: os.kill(process, number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the command itself
    _, listeners, _, _ = socket.recv_fds(ours, 1, 1)
    for listener in listeners:
        threading.Thread(target=_answer, args=(listener, release), daemon=True).start()
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status) & 0xFF


def _listener() -> int:
    """From here on uname(2) of this process and of all that it starts is asked of who has this descriptor."""
    machine = platform.machine()
    steps = [
        (0x20, 0, 0, 0),  # the number of the system call
        (0x15, 0, 1, UNAME[machine]),
        (0x06, 0, 0, NOTIFY),
        (0x06, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    found: int = _libc.syscall(SECCOMP[machine], SET_MODE_FILTER, NEW_LISTENER, program)
    if found < 0:
        raise OSError(ctypes.get_errno(), "no seccomp filter can be set here")
    return found


def _answer(listener: int, release: str) -> None:
    ready = select.poll()
    ready.register(listener, select.POLLIN)
    while True:
        ready.poll()
        request = bytearray(REQUEST.size)
        try:
            fcntl.ioctl(listener, RECEIVE, request)
            key, pid, *_, place = REQUEST.unpack(request)[:7]
            fcntl.ioctl(listener, SEND, ANSWER.pack(key, 0, -_written(pid, place, release), 0))
        except OSError as error:
            if error.errno != errno.ENOENT:  # who asked may have ended meanwhile
                raise


def _written(pid: int, place: int, release: str) -> int:
    """Write what uname(2) tells a thread, in whose UTS namespace it is; 0 or the number of an error."""
    try:
        with open(f"/proc/{pid}/ns/uts") as space:  # noqa: PTH123 - a descriptor is all that is needed
            _libc.setns(space.fileno(), CLONE_NEWUTS)
        real = os.uname()
        fields = (real.sysname, real.nodename, release, real.version, real.machine, _domain())
        text = b"".join(os.fsencode(one)[: FIELD - 1].ljust(FIELD, b"\0") for one in fields)
        memory = os.open(f"/proc/{pid}/mem", os.O_WRONLY)
        try:
            os.pwrite(memory, text, place)
        finally:
            os.close(memory)
    except OSError as error:
        return error.errno or errno.EFAULT
    return 0


def _domain() -> str:
    text = ctypes.create_string_buffer(FIELD)
    _libc.getdomainname(text, FIELD)
    return os.fsdecode(text.value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
