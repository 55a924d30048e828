"""What a guest costs in memory: waiting, and with a job that sleeps; 1 to 1,000 of them at once.

Proportional set size (a page that N processes share counts 1/N to each) and private memory are from
smaps_rollup. `machine` is what MemAvailable of /proc/meminfo fell by since the service was ready
with one guest, for each further guest: page tables, kernel stacks, namespaces and mounts are in it,
and whatever else the machine did meanwhile. Then as many jobs as there are slots sleep at the same
time; `answered` is how many of them got their answer.
"""

import resource
import threading
import time

import report
import scripts
import targets

PROBED_MAX = 50  # smaps_rollup of a thousand processes takes longer than their sleep.
MEMINFO = ("MemAvailable", "PageTables", "KernelStack", "Slab")


def parse_flags(arguments):
    parser = report.parser(__doc__, name="memory")
    parser.add_argument("--guests", default="1,100,1000", help="numbers of slots, by commas")
    parser.add_argument("--sleep", type=float, default=20, help="seconds that each job sleeps")
    return parser.parse_args(arguments)


def meminfo():
    return {key: int(report.first_line_with("/proc/meminfo", key).split()[0]) for key in MEMINFO}


def rollup(pid):
    """{name: KiB} of one process; empty when it has gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            lines = file.read().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def mean_of(pids):
    """Of some of these processes: mean of Pss and of private memory, in KiB."""
    step = max(1, len(pids) // PROBED_MAX)
    found = [r for r in map(rollup, pids[::step]) if r]
    mean = lambda key: sum(r[key] for r in found) / max(1, len(found))  # noqa: E731
    return {"pss_kib": mean("Pss"), "private_kib": mean("Private_Dirty") + mean("Private_Clean")}


def running(service):
    return service.health()["guests"]["running"]


def sleep_at_once(service, count, seconds):
    """As many jobs as slots, all asleep at once: what they cost, and how many were answered."""
    script = scripts.SLEEPING.format(seconds=seconds)
    done = {}

    def send():
        with targets.LoadClient() as load:
            done.update(load.run(service, "sleeping", script, clients=count, requests=count))

    sender = threading.Thread(target=send)
    sender.start()
    most = 0
    while most < count and sender.is_alive():
        most = max(most, running(service))
        time.sleep(0.05)
    state = {"running_at_once": most, "meminfo": meminfo()} | mean_of(service.guest_pids())
    sender.join()
    state["answered"] = done["statuses"].get("200", 0)
    state["statuses"] = done["statuses"]
    state["errors"] = done["errors"]
    state["seconds"] = done["seconds"]
    return state


def measure(count, flags):
    report.progress(f"{count} guests: starting")
    before = meminfo()
    begin = time.monotonic()
    limits = [f"--time-limit={flags.sleep + 60}", f"--queue={count}", "--queue-time=60"]
    with targets.Snapjail(slots=count, flags=limits) as service:
        one = meminfo()
        service.settle()
        full = service.health()["guests"]
        guests = service.guest_pids()
        found = {
            "guests": count,
            "waiting": full["waiting"],
            "seconds_until_full": time.monotonic() - begin,
            "meminfo_before": before,
            "meminfo_one": one,
            "meminfo_idle": meminfo(),
            "idle": mean_of(guests),
            "zygotes_pss_kib": {
                profile: rollup(pid).get("Pss") for profile, (pid, _) in service.zygotes().items()
            },
        }
        report.progress(f"{count} guests: {count} jobs that sleep")
        found["live"] = sleep_at_once(service, count, flags.sleep)
    return found


def row_of(found):
    live = found["live"]
    further = max(1, found["guests"] - 1)
    fallen = found["meminfo_one"]["MemAvailable"] - live["meminfo"]["MemAvailable"]
    tables = live["meminfo"]["PageTables"] - found["meminfo_one"]["PageTables"]
    mib = 1024
    return {
        "guests": found["guests"],
        "waiting": found["waiting"],
        "idle PSS": found["idle"]["pss_kib"] / mib,
        "idle private": found["idle"]["private_kib"] / mib,
        "live PSS": live["pss_kib"] / mib,
        "live private": live["private_kib"] / mib,
        "machine": fallen / further / mib if found["guests"] > 1 else None,
        "page tables": tables / further / mib if found["guests"] > 1 else None,
        "asleep at once": live["running_at_once"],
        "answered": live["answered"],
    }


def main(arguments):
    flags = parse_flags(arguments)
    conditions = report.conditions()
    targets.require_all()
    conditions["descriptors_max"] = resource.getrlimit(resource.RLIMIT_NOFILE)
    measured = [measure(int(count), flags) for count in flags.guests.split(",")]
    report.progress("")
    report.print_conditions(conditions)
    report.print_table([row_of(found) for found in measured], "MiB for each guest")
    report.write_json(flags.json, {"conditions": conditions, "guests": measured})
    return 0
