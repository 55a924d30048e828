#!/usr/bin/env python3
"""Asks the kernel below which of the calls that a jail is made of it has, one line for each.

Each is tried in a child of its own, for real, and answered `yes` or the errno's name. Made for
gVisor, see docs/gvisor.md; what Linux says is the control.
"""
import ctypes
import errno
import os
import resource
import signal
import socket
import struct
import sys
import time

C = ctypes.CDLL(None, use_errno=True)
NS = {"user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "network": 0x40000000,
      "ipc": 0x08000000, "uts": 0x04000000, "cgroup": 0x02000000}
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1, 2, 4, 8, 32, 4096, 16384, 1 << 18)
IS_ARM = os.uname().machine == "aarch64"
NUMBER = {"seccomp": 277 if IS_ARM else 317, "pivot_root": 41 if IS_ARM else 155,
          "pidfd_send_signal": 424, "open_tree": 428, "move_mount": 429, "pidfd_open": 434,
          "clone3": 435, "close_range": 436, "mount_setattr": 442, "landlock_create_ruleset": 444}
NOTHING = None


def must(result):
    """Raises OSError where a call of the C library has failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def call(name, *arguments):
    return must(C.syscall(ctypes.c_long(NUMBER[name]), *(
        ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))


def prctl(*arguments):
    padded = list(arguments) + [0] * (5 - len(arguments))
    return must(C.prctl(*(ctypes.c_ulong(a) if isinstance(a, int) else a for a in padded)))


def unshare(*names):
    must(C.unshare(sum(NS[name] for name in names)))


def mount(source, target, kind, flags, options=NOTHING):
    encode = lambda text: text.encode() if text is not None else None
    must(C.mount(encode(source), target.encode(), encode(kind), ctypes.c_ulong(flags),
                 encode(options)))


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def deny_groups(process):
    """gVisor has no such file, and needs none."""
    if os.path.exists(f"/proc/{process}/setgroups"):
        write(f"/proc/{process}/setgroups", "deny")


def map_self():
    uid, gid = os.getuid(), os.getgid()
    unshare("user")
    deny_groups("self")
    write("/proc/self/uid_map", f"0 {uid} 1")
    write("/proc/self/gid_map", f"0 {gid} 1")


def map_child():
    """As the launcher does it: the parent writes the maps of a child in a new namespace."""
    told, go = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        unshare("user")
        os.write(told[1], b"x")
        os.read(go[0], 1)
        os._exit(0)
    os.read(told[0], 1)
    try:
        if os.getuid() != 0:
            deny_groups(pid)
        write(f"/proc/{pid}/uid_map", f"0 {os.getuid()} 1")
        write(f"/proc/{pid}/gid_map", f"0 {os.getgid()} 1")
    finally:
        os.write(go[1], b"x")
        os.waitpid(pid, 0)


def in_namespaces(*names):
    """Root of a user namespace, as a zygote is, or the caller itself where it is refused one."""
    map_self()
    if names:
        unshare(*names)


def private_mounts():
    in_namespaces("mount")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k")
    os.chdir("/tmp")


def bind_read_only():
    private_mounts()
    os.mkdir("usr")
    mount("/usr", "/tmp/usr", None, MS_BIND | MS_REC)
    mount(None, "/tmp/usr", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    try:
        write("/tmp/usr/written-by-a-test", "")
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    else:
        os.unlink("/tmp/usr/written-by-a-test")
        raise OSError(0, "it could be written to")


def new_proc(options=NOTHING):
    """In a new pid namespace, whose first process has to mount it."""
    in_namespaces("mount", "pid")
    if (pid := os.fork()) == 0:
        os._exit(tried(lambda: mount("proc", "/proc", "proc", MS_NOSUID, options))[0])
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))


def open_tree():
    private_mounts()
    return call("open_tree", -100, b"/usr", 1 | 0o2000000 | 0x8000)


def set_mount_attributes():
    tree = open_tree()
    attributes = struct.pack("QQQQ", 1, 0, 0, 0)
    call("mount_setattr", tree, b"", 0x1000 | 0x8000, attributes, len(attributes))


def pivot_root():
    private_mounts()
    call("pivot_root", b".", b".")
    must(C.umount2(b".", 2))


def nested():
    """A namespace in a namespace, as each guest has."""
    in_namespaces("mount", "pid", "network", "ipc", "uts")
    map_self()


def nested_in_chroot():
    os.chroot("/usr")
    unshare("user")


def change_ids():
    os.setgroups([])
    os.setresgid(65500, 65500, 65500)
    os.setresuid(65500, 65500, 65500)


FILTER_ALLOW = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
FILTER_KILL = struct.pack("HBBI", 0x06, 0, 0, 0x80000000)


def load_filter(instructions=FILTER_ALLOW, flags=0):
    prctl(38, 1)
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    program = struct.pack("HxxxxxxP", len(instructions) // 8, ctypes.addressof(buffer))
    call("seccomp", 1, flags, program)


def filter_kills():
    if (pid := os.fork()) == 0:
        load_filter(FILTER_KILL)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != -signal.SIGSYS:
        raise OSError(0, f"it ended with {code}")


def limit(name, value, deed, expected):
    """Whether a limit is kept, not only stored."""
    resource.setrlimit(getattr(resource, name), (value, value))
    try:
        deed()
    except (OSError, MemoryError) as error:
        if isinstance(error, expected):
            return
        raise
    raise OSError(0, "it is not kept")


def fork_many():
    children = []
    try:
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                time.sleep(5)
                os._exit(0)
            children.append(pid)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def spin():
    if (pid := os.fork()) == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        end = time.monotonic() + 10
        while time.monotonic() < end:
            pass
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code not in (-signal.SIGXCPU, -signal.SIGKILL):
        raise OSError(0, "it is not kept")


def fork_many_as_user():
    change_ids()
    limit("RLIMIT_NPROC", 4, fork_many, OSError)


def grow_file():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("/tmp/grown-by-a-test", "wb") as file:
        file.write(b"x" * 65536)
        file.flush()


def signal_other_user():
    """Refused where ids are walls."""
    if (pid := os.fork()) == 0:
        time.sleep(5)
        os._exit(0)
    try:
        change_ids()
        os.kill(pid, 0)
    except PermissionError:
        return
    raise OSError(0, "it is allowed")


def pidfd():
    if (pid := os.fork()) == 0:
        time.sleep(5)
        os._exit(0)
    descriptor = call("pidfd_open", pid, 0)
    call("pidfd_send_signal", descriptor, signal.SIGKILL, 0, 0)
    os.waitid(3, descriptor, os.WEXITED)  # P_PIDFD


def drop_bounding_set():
    for number in range(41):
        prctl(24, number)


def clone3():
    """Without arguments: EINVAL comes from a kernel that has it."""
    try:
        call("clone3", 0, 0)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def pipe_of_a_mebibyte():
    import fcntl
    fcntl.fcntl(os.pipe()[0], 1031, 1 << 20)


def pass_descriptor():
    first, second = socket.socketpair()
    socket.send_fds(first, [b"x"], [0])
    if len(socket.recv_fds(second, 1, 1)[1]) != 1:
        raise OSError(0, "it did not arrive")


PROBES = [
    *[(f"unshare {name}", lambda name=name: unshare(name)) for name in NS],
    ("/proc/self/setgroups", lambda: os.stat("/proc/self/setgroups")),
    ("own id map, by itself", map_self),
    ("id map of a child", map_child),
    *[(f"unshare user, then {name}", lambda name=name: in_namespaces(name))
      for name in NS if name != "user"],
    ("user namespace in a user namespace", nested),
    ("user namespace in a chroot", nested_in_chroot),
    ("mount tmpfs", private_mounts),
    ("bind mount, read-only", bind_read_only),
    ("open_tree", open_tree),
    ("mount_setattr", set_mount_attributes),
    ("pivot_root", pivot_root),
    ("mount proc", new_proc),
    ("mount proc, subset=pid,hidepid=invisible",
     lambda: new_proc("subset=pid,hidepid=invisible")),
    ("mount proc, hidepid=2", lambda: new_proc("hidepid=2")),
    ("chroot", lambda: os.chroot("/usr")),
    ("another uid and gid, no groups", change_ids),
    ("no signals to another uid", signal_other_user),
    ("landlock", lambda: call("landlock_create_ruleset", 0, 0, 1)),
    ("seccomp filter", load_filter),
    ("seccomp filter, flag TSYNC", lambda: load_filter(flags=1)),
    ("seccomp filter, flag LOG", lambda: load_filter(flags=2)),
    ("seccomp: is KILL_PROCESS there?",
     lambda: call("seccomp", 2, 0, struct.pack("I", 0x80000000))),
    ("seccomp KILL_PROCESS", filter_kills),
    ("prctl PDEATHSIG", lambda: prctl(1, 9)),
    ("prctl DUMPABLE", lambda: prctl(4, 0)),
    ("prctl NO_NEW_PRIVS", lambda: prctl(38, 1)),
    ("prctl SECCOMP, asked", lambda: prctl(21)),
    ("prctl CAPBSET_DROP", drop_bounding_set),
    ("prctl CAP_AMBIENT_CLEAR_ALL", lambda: prctl(47, 4)),
    ("prctl SECUREBITS", lambda: prctl(28, 0x2F)),
    ("prctl CHILD_SUBREAPER", lambda: prctl(36, 1)),
    ("prctl THP_DISABLE", lambda: prctl(41, 1)),
    ("prctl TIMERSLACK", lambda: prctl(29, 1)),
    ("prctl SPECULATION_CTRL", lambda: prctl(53, 0, 4)),
    ("prctl MDWE", lambda: prctl(65, 1)),
    ("rlimit AS", lambda: limit("RLIMIT_AS", 1 << 30, lambda: bytearray(2 << 30), MemoryError)),
    ("rlimit CPU", spin),
    ("rlimit FSIZE", lambda: limit("RLIMIT_FSIZE", 4096, grow_file, OSError)),
    ("rlimit NOFILE", lambda: limit("RLIMIT_NOFILE", 8, lambda: [os.pipe() for _ in range(8)],
                                    OSError)),
    ("rlimit NPROC, another uid", fork_many_as_user),
    ("oom_score_adj", lambda: write("/proc/self/oom_score_adj", "1000")),
    ("sched_setaffinity", lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})),
    ("setpriority", lambda: os.setpriority(os.PRIO_PROCESS, 0, 5)),
    ("setsid", os.setsid),
    ("pidfd_open, its signal, its wait", pidfd),
    ("close_range", lambda: call("close_range", 1000, 0xFFFFFFFF, 0)),
    ("clone3", clone3),
    ("memfd_create", lambda: os.memfd_create("x")),
    ("pipe of 1 MiB", pipe_of_a_mebibyte),
    ("descriptors over a socket", pass_descriptor),
]


def tried(deed):
    """(errno or 0 or 255, text)."""
    try:
        deed()
    except OSError as error:
        if error.errno:
            return error.errno, errno.errorcode.get(error.errno, str(error.errno))
        return 255, error.strerror
    except Exception as error:  # pylint: disable=broad-except
        return 255, repr(error)
    return 0, "yes"


def answer(deed):
    """What a child found out."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        text = tried(deed)[1]
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    text = os.read(reader, 1000).decode()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(reader)
    return text or f"ended by {status}"


def main():
    print(f"uid {os.getuid()}, Linux {os.uname().release}, Python {sys.version.split()[0]}")
    for name, deed in PROBES:
        print(f"{name:42} {answer(deed)}", flush=True)


if __name__ == "__main__":
    main()
