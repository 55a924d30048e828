"""What /proc says of processes: enough to find the service's own and what they leave behind."""

import ctypes
import os
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """Whatever outlives a service becomes our child and is seen, instead of going to PID 1."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stat_fields(pid):
    """The fields of /proc/<pid>/stat from `state` on, or None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def is_alive(pid):
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def identity(pid):
    """A pid with its start time: a number that is used again is another process."""
    fields = stat_fields(pid)
    return None if fields is None else (pid, fields[19])


def is_same_alive(identity_then):
    return is_alive(identity_then[0]) and identity(identity_then[0]) == identity_then


def parents():
    """{pid: parent's pid} of every process."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(name)
            if fields is not None:
                table[int(name)] = int(fields[1])
    return table


def descendants(root):
    """The pids below `root`, without it, parents before their children."""
    table = parents()
    found = [root]
    for pid in found:
        found.extend(child for child, parent in table.items() if parent == pid)
    return found[1:]


def command_line(pid):
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode(errors="replace")
            .strip()
        )
    except OSError:
        return ""


def name(pid):
    """What the process calls itself."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def descriptors(pid):
    return len(descriptor_targets(pid))


def descriptor_targets(pid):
    """What its descriptors stand for, as /proc names it: files, sockets, namespaces."""
    targets = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                targets.append(os.readlink(f"/proc/{pid}/fd/{name}"))
            except FileNotFoundError:  # Closed since.
                pass
    except OSError:
        pass
    return targets


def status_kib(pid, key):
    """A size of /proc/<pid>/status or smaps_rollup in KiB; 0 when the process has gone."""
    name = "smaps_rollup" if key == "Pss" else "status"
    try:
        for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def namespace(pid, kind):
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None


def mounts(pid):
    try:
        return len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    except OSError:
        return 0


def cgroups(supervisor):
    """The folders that a service has made, in every hierarchy that can be seen from here."""
    found = []
    for folder, folders, _ in os.walk("/sys/fs/cgroup"):
        if f"/snapjail-{supervisor}" in folder + "/":
            continue
        mine = (os.path.join(folder, one) for one in folders if one == f"snapjail-{supervisor}")
        for top in mine:
            below = (os.path.join(top, one.name) for one in os.scandir(top) if one.is_dir())
            found += [top, *below]
    return found


def reap_orphans(known=()):
    """Collects ended orphans that the kernel gave us; those in `known` belong to a Popen."""
    for pid, parent in parents().items():
        if parent == os.getpid() and pid not in known and not is_alive(pid):
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def wait_until(condition, seconds, every=0.01):
    """True as soon as condition() is; False after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
