"""Many jobs, by default a million: whether the last are as fast as the first, and what grows.

Sends --jobs by --clients in a closed loop, in a hundred stretches. Before the first stretch and
after the last one (the pool full, nothing running) it counts the resources of the service and of
the machine, and prints both beside each other; and the median of each tenth of the jobs.
"""

import figures
import report
import targets
from scripts import PROFILES, SCRIPTS
from targets import processes

STRETCHES = 100
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")


def parse_flags(arguments):
    parser = report.parser(__doc__, name="soak")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--script", default="hello", choices=list(SCRIPTS))
    parser.add_argument("--warm-up", type=int, default=500, help="jobs before the first count")
    return parser.parse_args(arguments)


def namespaces_of(pids):
    return len({(kind, processes.namespace(pid, kind)) for pid in pids for kind in NAMESPACES})


def resources(service, script_name):
    """{name: number} of what must not grow."""
    service.settle()
    pids = [service.process.pid, *processes.descendants(service.process.pid)]
    guests = set(service.guest_pids())
    zygotes = {profile: pid for profile, (pid, _) in service.zygotes().items()}
    known = guests | set(zygotes.values()) | {service.process.pid}
    front = next(pid for pid in pids if pid not in known)
    zygote = zygotes[PROFILES[script_name]]
    found = {"processes": len(pids), "namespaces": namespaces_of(pids)}
    for name, pid in (("supervisor", service.process.pid), ("front", front), ("zygote", zygote)):
        targets = processes.descriptor_targets(pid)
        # A zygote keeps one for each slot that it has ever used.
        found[f"{name} descriptors"] = sum(not target.startswith("net:[") for target in targets)
        found[f"{name} RSS KiB"] = processes.status_kib(pid, "VmRSS")
    found["guests' PSS KiB"] = sum(processes.status_kib(pid, "Pss") for pid in guests)
    found["zygote mounts"] = processes.mounts(zygote)
    found["machine: mounts"] = processes.mounts("self")
    found["cgroups"] = len(processes.cgroups(service.process.pid))
    found["machine: slab KiB"] = int(report.first_line_with("/proc/meminfo", "Slab").split()[0])
    return found


def send_all(load, service, flags):
    """The reports of all stretches."""
    script = SCRIPTS[flags.script]
    done, sent = [], 0
    for number in range(1, STRETCHES + 1):
        count = flags.jobs * number // STRETCHES - sent
        if count > 0:
            done.append(
                load.run(service, flags.script, script, clients=flags.clients, requests=count)
            )
        sent += count
        report.progress(f"{sent} of {flags.jobs} jobs")
    return done


def main(arguments):
    flags = parse_flags(arguments)
    targets.require_all()
    conditions = report.conditions()
    with targets.Snapjail() as service, targets.LoadClient() as load:
        script = SCRIPTS[flags.script]
        if flags.warm_up:
            load.run(service, flags.script, script, clients=flags.clients, requests=flags.warm_up)
        first = resources(service, flags.script)
        cpu_before = service.cpu_seconds()
        done = send_all(load, service, flags)
        last = resources(service, flags.script)
        cpu = service.cpu_seconds() - cpu_before

    latencies = [us for part in done for us in part["latencies_us"]]
    refused = flags.jobs - len(latencies)
    by_tenth = [
        {"tenth": i + 1, "p50": p50, "p99": p99}
        for i, (p50, p99) in enumerate(
            zip(figures.tenths(latencies), figures.tenths(latencies, 99))
        )
    ]
    seconds = sum(part["seconds"] for part in done)
    report.progress("")
    report.print_conditions(conditions)
    print(
        f"\n{len(latencies)} of {flags.jobs} jobs answered with 200, {refused} not; "
        f"{flags.clients} clients, {len(latencies) / seconds:.0f}/s, "
        f"{cpu * 1000 / max(1, len(latencies)):.2f} ms of CPU each"
    )
    report.print_table(by_tenth, "Milliseconds, by tenth of the jobs")
    if by_tenth:
        change = by_tenth[-1]["p50"] / by_tenth[0]["p50"] - 1
        print(f"p50 of the last tenth: {change:+.1%} to the first")
    rows = [
        {"resource": name, "start": start, "end": last[name], "change": last[name] - start}
        for name, start in first.items()
    ]
    report.print_table(rows, "Resources")
    report.write_json(
        flags.json,
        {
            "conditions": conditions,
            "jobs": flags.jobs,
            "answered": len(latencies),
            "seconds": seconds,
            "cpu_ms_per_job": cpu * 1000 / max(1, len(latencies)),
            "all": figures.summary(latencies),
            "tenths": by_tenth,
            "resources": rows,
        },
    )
    return 1 if refused else 0
