"""A file system that fails when it is told to: everything lies in another directory, over the kernel's FUSE.

    python -m tests.store.failing_disk SOURCE TARGET CONTROL

CONTROL is a file with the name of an error (`ENOSPC`, `EROFS`, `EIO`): while it says one, whatever would
change something fails with it; with `EIO read`, reading fails too. Structures and numbers: the kernel's
linux/fuse.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

from harness.net import run

FORGET, INTERRUPT, BATCH_FORGET, DESTROY, INIT = 2, 36, 42, 38, 26
CHANGES = {4, 9, 10, 11, 12, 13, 16, 20, 30, 35, 43, 45}
"""Operations that would change something, the making durable included."""
READS = {15}

HEADER = struct.Struct("=IIQQIIII")
ANSWER = struct.Struct("=IiQ")
ATTRIBUTES = struct.Struct("=QQQQQQIIIIIIIIII")
ENTRY = struct.Struct("=QQQQII")
OPENED = struct.Struct("=QII")
TRANSFER = struct.Struct("=QQIIQII")
STATFS = struct.Struct("=QQQQQIIII24x")
SETATTR = struct.Struct("=IIQQQQQQIIIIIIII")
LARGEST = 1 << 17

Body = bytes


class FailingDisk:
    """Nodes are paths below `source`; handles are descriptors."""

    def __init__(self, source: Path, control: Path) -> None:
        self._source = source
        self._control = control
        self._paths = {1: source}
        self._operations: dict[int, Callable[[int, Body], bytes]] = {
            1: self._lookup,
            3: self._getattr,
            4: self._setattr,
            9: self._mkdir,
            10: self._unlink,
            11: self._rmdir,
            12: self._rename,
            13: self._link,
            14: self._open,
            15: self._read,
            16: self._write,
            17: self._statfs,
            18: self._release,
            20: self._fsync,
            25: self._nothing,
            26: self._init,
            27: self._opendir,
            28: self._readdir,
            29: self._nothing,
            30: self._nothing,
            34: self._nothing,
            35: self._create,
            45: self._rename2,
        }

    def serve(self, device: int) -> None:
        """Answer the kernel until it is unmounted."""
        while True:
            try:
                message = os.read(device, LARGEST + 4096)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                raise
            _, operation, unique, node, *_ = HEADER.unpack_from(message)
            if operation in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            number, body = self._answer(operation, node, message[HEADER.size :])
            os.write(device, ANSWER.pack(ANSWER.size + len(body), -number, unique) + body)

    def _answer(self, operation: int, node: int, body: Body) -> tuple[int, bytes]:
        words = self._control.read_text().split() if self._control.exists() else []
        if words and (operation in CHANGES or (operation in READS and "read" in words)):
            return int(getattr(errno, words[0])), b""
        perform = self._operations.get(operation)
        if perform is None:
            return errno.ENOSYS, b""
        try:
            return 0, perform(node, body)
        except OSError as error:
            return error.errno or errno.EIO, b""

    def _init(self, node: int, body: Body) -> bytes:
        major, minor, readahead, *_ = struct.unpack_from("=IIII", body)
        return struct.pack("=IIIIHHIIHHI28x", major, min(minor, 31), readahead, 0, 12, 9, LARGEST, 1, 0, 0, 0)

    # Names.

    def _child(self, node: int, name: bytes) -> Path:
        return self._paths[node] / os.fsdecode(name)

    def _lookup(self, node: int, body: Body) -> bytes:
        return self._entry(self._child(node, body.rstrip(b"\0")))

    def _entry(self, path: Path) -> bytes:
        stat = path.lstat()
        number = next((key for key, known in self._paths.items() if known == path), 0)
        number = number or max(self._paths) + 1
        self._paths[number] = path
        return ENTRY.pack(number, 0, 0, 0, 0, 0) + _attributes(stat)

    def _getattr(self, node: int, body: Body) -> bytes:
        flags, _, handle = struct.unpack_from("=IIQ", body)
        stat = os.fstat(handle) if flags & 1 else self._paths[node].lstat()
        return struct.pack("=QII", 0, 0, 0) + _attributes(stat)

    def _setattr(self, node: int, body: Body) -> bytes:
        values = SETATTR.unpack_from(body)
        valid, handle, size, mode, uid, gid = (
            values[0],
            values[2],
            values[3],
            values[11],
            values[13],
            values[14],
        )
        path = self._paths[node]
        if valid & 1:
            path.chmod(mode & 0o7777)
        if valid & 6:
            os.chown(path, uid if valid & 2 else -1, gid if valid & 4 else -1)
        if valid & 8:
            os.truncate(handle if valid & 64 else path, size)
        return struct.pack("=QII", 0, 0, 0) + _attributes(os.fstat(handle) if valid & 64 else path.lstat())

    def _mkdir(self, node: int, body: Body) -> bytes:
        mode, _ = struct.unpack_from("=II", body)
        path = self._child(node, body[8:].rstrip(b"\0"))
        path.mkdir(mode & 0o7777)
        return self._entry(path)

    def _unlink(self, node: int, body: Body) -> bytes:
        path = self._child(node, body.rstrip(b"\0"))
        path.unlink()
        self._forget(path)
        return b""

    def _rmdir(self, node: int, body: Body) -> bytes:
        self._child(node, body.rstrip(b"\0")).rmdir()
        return b""

    def _link(self, node: int, body: Body) -> bytes:
        (former,) = struct.unpack_from("=Q", body)
        path = self._child(node, body[8:].rstrip(b"\0"))
        path.hardlink_to(self._paths[former])
        return self._entry(path)

    def _rename(self, node: int, body: Body, skip: int = 8) -> bytes:
        (folder,) = struct.unpack_from("=Q", body)
        before, after, *_ = body[skip:].split(b"\0")
        source, target = self._child(node, before), self._child(folder, after)
        source.rename(target)
        self._forget(target)
        self._paths = {key: target if path == source else path for key, path in self._paths.items()}
        return b""

    def _rename2(self, node: int, body: Body) -> bytes:
        return self._rename(node, body, 16)

    def _forget(self, path: Path) -> None:
        """Its node stays for whoever has it open, and another file of that name is another node."""
        gone = path.with_name(f"{path.name} (gone)")
        self._paths = {key: gone if known == path else known for key, known in self._paths.items()}

    # Contents.

    def _open(self, node: int, body: Body) -> bytes:
        (flags,) = struct.unpack_from("=I", body)
        return OPENED.pack(os.open(self._paths[node], flags & ~(os.O_CREAT | os.O_EXCL)), 0, 0)

    def _create(self, node: int, body: Body) -> bytes:
        flags, mode, *_ = struct.unpack_from("=IIII", body)
        path = self._child(node, body[16:].rstrip(b"\0"))
        handle = os.open(path, flags | os.O_CREAT, mode & 0o7777)
        return self._entry(path) + OPENED.pack(handle, 0, 0)

    def _read(self, node: int, body: Body) -> bytes:
        handle, offset, size, *_ = TRANSFER.unpack_from(body)
        return os.pread(handle, size, offset)

    def _write(self, node: int, body: Body) -> bytes:
        handle, offset, size, *_ = TRANSFER.unpack_from(body)
        data = body[TRANSFER.size : TRANSFER.size + size]
        return struct.pack("=II", os.pwrite(handle, data, offset), 0)

    def _fsync(self, node: int, body: Body) -> bytes:
        os.fsync(struct.unpack_from("=Q", body)[0])
        return b""

    def _release(self, node: int, body: Body) -> bytes:
        os.close(struct.unpack_from("=Q", body)[0])
        return b""

    def _statfs(self, node: int, body: Body) -> bytes:
        return STATFS.pack(1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096, 0)

    def _opendir(self, node: int, body: Body) -> bytes:
        return OPENED.pack(0, 0, 0)

    def _readdir(self, node: int, body: Body) -> bytes:
        _, offset, size, *_ = TRANSFER.unpack_from(body)
        listing = b""
        for number, name in enumerate(sorted(os.listdir(self._paths[node]))[offset:], offset + 1):  # noqa: PTH208
            plain = os.fsencode(name)
            record = struct.pack("=QQII", number + 1, number, len(plain), 0) + plain
            record += b"\0" * (-len(record) % 8)
            if len(listing) + len(record) > size:
                break
            listing += record
        return listing

    def _nothing(self, node: int, body: Body) -> bytes:
        return b""


def _attributes(stat: os.stat_result) -> bytes:
    times = [stat.st_atime_ns, stat.st_mtime_ns, stat.st_ctime_ns]
    return ATTRIBUTES.pack(
        stat.st_ino, stat.st_size, stat.st_blocks, *(ns // 10**9 for ns in times),
        *(ns % 10**9 for ns in times), stat.st_mode, stat.st_nlink, stat.st_uid, stat.st_gid,
        stat.st_rdev, 4096, 0,
    )  # fmt: skip


@contextmanager
def failing_disk(folder: Path, target: Path) -> Iterator[Path]:
    """One mounted at `target`, its files and its control file in `folder`; the control file."""
    source, control = folder / "source", folder / "control"
    source.mkdir(parents=True)
    target.mkdir(parents=True, exist_ok=True)
    control.write_text("")
    with served("tests.store.failing_disk", source, target, control):
        try:
            yield control
        finally:
            control.unlink(missing_ok=True)


@contextmanager
def served(module: str, source: Path, target: Path, about: Path) -> Iterator[None]:
    """A process that serves such a disk, while it is mounted."""
    with Popen([sys.executable, "-m", module, str(source), str(target), str(about)], stdout=PIPE) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == b"mounted\n"
            yield
        finally:
            run("umount", "-l", str(target), check=False)
            server.kill()


def mount(target: str) -> int:
    """Mount one, and say so; the device by which the kernel asks."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"skerry-test", target.encode(), b"fuse.skerry-test", 0, options.encode()):
        raise OSError(ctypes.get_errno(), f"{target} can't be mounted")
    sys.stdout.write("mounted\n")
    sys.stdout.flush()
    return device


def main(source: str, target: str, control: str) -> None:
    """Mount it, and serve until it is unmounted."""
    FailingDisk(Path(source), Path(control)).serve(mount(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
