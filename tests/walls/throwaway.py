"""Runs a command as root of a machine to throw away: `throwaway.py COMMAND...`.

For services that have walls left out. Namespaces of its own, a root whose changes are kept in
memory and forgotten, bounds on processes and memory, no right to load modules, to reboot or to
touch hardware. What the command is to tell, it prints. Wants real root.
"""

import ctypes
import fcntl
import os
import secrets
import signal
import socket
import struct
import sys
from pathlib import Path

NAMESPACES = 0x00020000 | 0x20000000 | 0x08000000 | 0x04000000 | 0x40000000 | 0x02000000
MS_RDONLY, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 1, 4096, 0x4000, 1 << 18, 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 1, 24
DANGEROUS = (16, 17, 22)  # CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_BOOT
PROCESSES_MAX = 1500
MEMORY_MAX = 4 << 30
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
STAGE = "/mnt"

libc = ctypes.CDLL(None, use_errno=True)


def require(what, value):
    if value != 0:
        raise OSError(ctypes.get_errno(), what)


def mount(source, target, kind=None, flags=0, options=None):
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    given = None if options is None else options.encode()
    require(f"mount {target}", libc.mount(*texts, ctypes.c_ulong(flags), given))


def bound_by_cgroups():
    """Groups of its own where the host lets us make some; they go when they are empty."""
    made = []
    name = "throwaway-" + secrets.token_hex(4)
    for folder, file, value in (
        ("/sys/fs/cgroup/pids", "pids.max", PROCESSES_MAX),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", MEMORY_MAX),
    ):
        group = Path(folder, name)
        try:
            group.mkdir()
            made.append(group)
            (group / file).write_text(str(value))
            (group / "cgroup.procs").write_text("0")
        except OSError:
            pass  # Not this version of cgroups: the attacks are bounded themselves.
    return made


def build_root(keep):
    """A root that holds what the host's does, and that remembers nothing."""
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", STAGE, "tmpfs", 0, "mode=0755,size=2g")
    for name in ("upper", "work", "root"):
        os.mkdir(f"{STAGE}/{name}")
    root = f"{STAGE}/root"
    options = f"lowerdir=/,upperdir={STAGE}/upper,workdir={STAGE}/work"
    mount("overlay", root, "overlay", 0, options)
    for path in keep:  # What lies on another file system.
        if not os.path.exists(root + path):
            os.makedirs(root + path)
            mount(path, root + path, None, MS_BIND | MS_REC)
    mount("proc", root + "/proc", "proc")
    mount("/sys", root + "/sys", None, MS_BIND | MS_REC)
    mount("tmpfs", root + "/tmp", "tmpfs", 0, "mode=1777,size=1g")
    mount("tmpfs", root + "/dev", "tmpfs", 0, "mode=0755,size=256m")
    for name in DEVICES:
        open(f"{root}/dev/{name}", "w").close()
        mount(f"/dev/{name}", f"{root}/dev/{name}", None, MS_BIND)
    for name, mode in (("shm", 0o1777), ("pts", 0o755)):
        os.mkdir(f"{root}/dev/{name}")
        os.chmod(f"{root}/dev/{name}", mode)
    mount("devpts", root + "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666")
    os.symlink("pts/ptmx", root + "/dev/ptmx")
    os.symlink("/proc/self/fd", root + "/dev/fd")
    os.chdir(root)
    require("pivot_root", libc.syscall(155 if os.uname().machine == "x86_64" else 41, b".", b"."))
    require("umount", libc.umount2(b".", MNT_DETACH))
    os.chdir("/")


def raise_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x1))  # SIOCSIFFLAGS, IFF_UP


def be_init(command, folder):
    """PID 1: starts the command, buries everybody, ends with the command and all with it."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os.execvp(command[0], command)
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def main():
    command, folder = sys.argv[1:], os.getcwd()
    groups = bound_by_cgroups()
    require("unshare", libc.unshare(NAMESPACES))
    init = os.fork()
    if init == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        build_root([folder, os.path.dirname(os.path.dirname(sys.executable))])
        raise_loopback()
        for capability in DANGEROUS:
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        os._exit(max(0, be_init(command, folder)))
    status = os.waitstatus_to_exitcode(os.waitpid(init, 0)[1])
    for group in groups:
        try:
            (group.parent / "cgroup.procs").write_text("0")
            group.rmdir()
        except OSError:
            pass
    sys.exit(status)


if __name__ == "__main__":
    main()
