"""What a service holds of this machine, at rest: the same before work and after it."""

import os
import time
from dataclasses import dataclass, fields

import processes

SETTLE_SECONDS = 10  # Until the pool is full again and what the last jobs left is reaped.

# What may differ without being a leak. Guests come and go, so their number is taken when the pool
# is full; memory moves with the allocator and with what the pool's guests happen to share.
RSS_GROWTH_MAX = 0.15
RSS_SLACK_KIB = 16 * 1024
# The whole machine's, for nobody can tell whose they are: what leaks with jobs grows by far more.
TEMPORARY_FILES_SLACK = 20


@dataclass
class Holdings:
    """What the service and this machine hold because of it, at rest."""

    processes: int
    descriptors: int  # Of the supervisor, the front and the zygotes: guests live for one job.
    networks_beyond_slots: int  # Each zygote keeps one for each slot that it has ever used.
    threads: int
    mount_namespaces: int
    mounts: int
    network_namespaces: int
    cgroups: int
    zombies: int
    temporary_files: int
    rss_kib: int


def holdings(service):
    pids = [service.pid, *service.descendants()]
    lasting = [service.pid, service.front(), *service.zygotes()]
    spaces = {processes.namespace(pid, "mnt"): pid for pid in pids}
    targets = [target for pid in lasting for target in processes.descriptor_targets(pid)]
    networks = sum(target.startswith("net:[") for target in targets)
    return Holdings(
        processes=len(pids),
        descriptors=len(targets) - networks,
        networks_beyond_slots=max(0, networks - service.slots() * len(service.zygotes())),
        threads=sum(processes.status_kib(pid, "Threads") for pid in lasting),
        mount_namespaces=len(spaces),
        mounts=sum(processes.mounts(pid) for pid in spaces.values()),
        network_namespaces=len({processes.namespace(pid, "net") for pid in pids}),
        cgroups=len(processes.cgroups(service.pid)),
        zombies=sum(not processes.is_alive(pid) for pid in pids),
        temporary_files=len(os.listdir("/tmp")) + len(os.listdir("/dev/shm")),
        rss_kib=sum(processes.status_kib(pid, "VmRSS") for pid in lasting),
    )


def leaked(before, after):
    """What grew, by name; nothing has to be equal that a smaller number would improve."""
    grown = {}
    for field in fields(Holdings):
        then, now = getattr(before, field.name), getattr(after, field.name)
        allowed = then
        if field.name == "rss_kib":
            allowed = then * (1 + RSS_GROWTH_MAX) + RSS_SLACK_KIB
        if field.name == "temporary_files":
            allowed = then + TEMPORARY_FILES_SLACK
        if now > allowed:
            grown[field.name] = f"{then} -> {now}"
    return grown


def holdings_at_rest(service, before=None):
    """The holdings once they no longer shrink; with `before`, as soon as nothing has leaked."""
    deadline = time.monotonic() + SETTLE_SECONDS
    least, quiet_since = holdings(service), time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - quiet_since < 2:
        if before is not None and not leaked(before, least):
            return least
        time.sleep(0.1)
        now = holdings(service)
        if now.processes < least.processes or now.descriptors < least.descriptors:
            quiet_since = time.monotonic()
        least = now
    return least
