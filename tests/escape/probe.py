# Put in front of every attack, in the jail and outside alike: how a probe tries something and tells
# what came of it. TARGET is what the test offers to be attacked, all of it the test's own.

import ctypes
import errno
import os
import platform
import socket
import sys
import time

TARGET = {}  # Replaced by the test.

NUMBERS = {  # x86-64, and the generic table that AArch64 has.
    "add_key": (248, 217),
    "bpf": (321, 280),
    "capset": (126, 91),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_gettime": (228, 113),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "flock": (73, 32),
    "fsconfig": (431, 431),
    "fsopen": (430, 430),
    "getpid": (39, 172),
    "init_module": (175, 105),
    "inotify_init1": (294, 26),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "keyctl": (250, 219),
    "landlock_create_ruleset": (444, 444),
    "memfd_secret": (447, 447),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "request_key": (249, 218),
    "sched_setscheduler": (144, 119),
    "seccomp": (317, 277),
    "semctl": (66, 191),
    "semget": (64, 190),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "setpriority": (141, 140),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "splice": (275, 76),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "tgkill": (234, 131),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vmsplice": (278, 75),
}
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
ARCHITECTURE = platform.machine()


def syscall(name, *arguments):
    """The raw system call's value; raises OSError. Buffers go by reference, None is NULL."""
    number = NUMBERS[name][0 if ARCHITECTURE == "x86_64" else 1]
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    value = _libc.syscall(ctypes.c_long(number), *plain)
    if value == -1:
        raise OSError(ctypes.get_errno(), name)
    return value


def outcome(function, *arguments):
    """'done', or the name of what stood in the way: EPERM, ENOENT, ..."""
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "done"


def call(name, *arguments):
    return outcome(syscall, name, *arguments)


def numbers(scanned=()):
    """Of processes that are none of its own: those that the test knows of, the first of all and its
    parent, which are there wherever they can be named, those that /proc shows, and `scanned`."""
    found = {1, os.getppid(), *TARGET["others"], *scanned}
    own = {0, os.getpid()}
    try:
        own.add(int(os.readlink("/proc/self")))  # Where another namespace's procfs is left.
        found |= {int(name) for name in os.listdir("/proc") if name.isdigit()}
    except OSError:
        pass  # They can be named all the same.
    return sorted(found - own)


def files_of_the_machine():
    """Files that everybody outside may read: the test's own, and what is in the service's image."""
    return [TARGET["secret"], "/etc/debian_version", "/var/lib/dpkg/status"]


OUT_OF_SIGHT = ("ESRCH", "ENOENT")  # Of one target; another may be there.


def furthest(words, nobody="ENOENT"):
    """Of what came of several targets, how far it got: done, or refused, or nobody was there."""
    told = set(words)
    if "done" in told:
        return "done"
    return min(told - set(OUT_OF_SIGHT), default=min(told, default=nobody))


def changes(path):
    """Which changes a path lets be made, each to what it was: where a wall is left out it stays."""
    try:
        then = os.stat(path)
    except OSError:
        return set()
    tried = {
        "chmod": outcome(os.chmod, path, then.st_mode & 0o7777),
        "utime": outcome(lambda: os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))),
        "truncate": outcome(os.truncate, path, then.st_size),
        "setxattr": outcome(os.setxattr, path, "user.left", b"x"),
    }
    outcome(os.removexattr, path, "user.left")
    only_said = set() if modes_can_change() else {"chmod", "utime"}
    return {name for name, told in tried.items() if told == "done"} - only_said


def modes_can_change():
    """Without an id of its own a job is told that it is done, whatever the file, and nothing is."""
    path = f"mode-{os.getpid()}"
    open(path, "w").close()
    os.chmod(path, 0o750)
    found = os.stat(path).st_mode & 0o7777 == 0o750
    os.unlink(path)
    return found


def stay(told):
    """For hold(): what it told, and from when until when it held still, by the machine's clock."""
    _libc.prctl(15, TARGET["token"].encode())  # Outside, its name is how the other knows.
    since = time.monotonic()
    time.sleep(1)
    return [told, since, time.monotonic()]


def timed(function):
    """function()'s value, and from when until when it ran: no jail has another clock."""
    since = time.monotonic()
    value = function()
    return [value, since, time.monotonic()]
