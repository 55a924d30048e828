"""CPU time and page faults of a job, of several builds in turns: what a change has brought.

Each argument is NAME=BINARY, or NAME=BINARY,MORE,MORE...: flags of `snapjail serve` begin with --,
VARIABLE=VALUE is one of its environment (PYTHON_BIN: another interpreter). Each build runs in a
cgroup of its own, whose time the kernel counts in nanoseconds, its ended processes included; the
pool is full before and after each burst of --burst requests of one client. A round has a burst of
each build, in any order; the ratio is the median of those within one round, with its standard
error: a machine that is slow for a second is slow for all of them.

Faults are those of the guests. Wants root and the cpuacct controller of cgroups version 1.
"""

import os
import random
import statistics
import time
from pathlib import Path

import figures
import report
import targets
from scripts import SCRIPTS

CONTROLLER = Path("/sys/fs/cgroup/cpuacct")
# The last of a job's work, when all guests wait already: its zygote goes to sleep.
REST_SECONDS = 0.005


def parse_flags(arguments):
    parser = report.parser(__doc__, name="cpu")
    parser.add_argument("builds", nargs="+", metavar="NAME=BINARY[,MORE...]")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--burst", type=int, default=16, help="requests in a row")
    parser.add_argument("--scripts", default="hello,pandas", help=f"of: {', '.join(SCRIPTS)}")
    return parser.parse_args(arguments)


class Build(targets.Snapjail):
    """One build, in its cgroup."""

    def __init__(self, argument):
        name, _, rest = argument.partition("=")
        binary, *more = rest.split(",")
        self.cgroup = CONTROLLER / f"snapjail-bench-{os.getpid()}-{name}"
        self.cgroup.mkdir()
        super().__init__(
            name,
            flags=[word for word in more if word.startswith("--")],
            binary=Path(binary).absolute(),
            variables=[word.split("=", 1) for word in more if not word.startswith("--")],
            preexec_fn=lambda: (self.cgroup / "cgroup.procs").write_text(str(os.getpid())),
        )
        self.zygote_pids = [pid for pid, _ in self.zygotes().values()]

    def cpu_ms(self):
        return int((self.cgroup / "cpuacct.usage").read_text()) / 1e6

    def guest_faults(self):
        return sum(int(targets.processes.stat_fields(pid)[8]) for pid in self.zygote_pids)

    def stop(self):
        super().stop()
        targets.processes.wait_until(self.remove_cgroup, targets.STOP_SECONDS, 0.05)

    def remove_cgroup(self):
        try:
            self.cgroup.rmdir()
        except OSError:  # The last of its processes is on its way.
            return False
        return True


def run_burst(load, build, name, burst):
    """(CPU time in milliseconds, faults) for each job."""
    build.settle()
    cpu, faults = build.cpu_ms(), build.guest_faults()
    done = load.run(build, name, SCRIPTS[name], requests=burst, clients=1)
    build.settle()
    time.sleep(REST_SECONDS)
    if set(done["statuses"]) != {"200"}:
        raise SystemExit(f"bench: {build.name} answered {done['statuses']} to {name}")
    return (build.cpu_ms() - cpu) / burst, (build.guest_faults() - faults) / burst


def measure(load, builds, names, flags):
    """{(script, build): [(CPU time, faults) of each round]}"""
    found = {(name, build.name): [] for name in names for build in builds}
    for name in names:
        for build in builds:
            run_burst(load, build, name, flags.burst)  # The first is not like the others.
    for turn in range(flags.rounds):
        report.progress(f"round {turn + 1} of {flags.rounds}")
        for name in names:
            for build in random.sample(builds, len(builds)):
                found[name, build.name].append(run_burst(load, build, name, flags.burst))
    return found


def row_of(name, build, rounds, base):
    times = [cpu for cpu, _ in rounds]
    ratios = [figures.ratio(cpu, other) for cpu, (other, _) in zip(times, base)]
    spread = statistics.stdev(ratios) if len(ratios) > 1 else 0.0
    return {
        "script": name,
        "build": build,
        "cpu/job": statistics.median(times),
        "lower quartile": figures.percentile(sorted(times), 25),
        "faults": statistics.mean(faults for _, faults in rounds),
        "ratio": statistics.median(ratios),
        # Of a median: 1.25 times that of a mean.
        "+-": 1.25 * spread / len(ratios) ** 0.5,
    }


def main(arguments):
    flags = parse_flags(arguments)
    targets.require_all()
    if not os.access(CONTROLLER, os.W_OK):
        raise SystemExit(f"bench: {CONTROLLER} is missing or not ours to write: bench/run compare")
    names = [name for name in flags.scripts.split(",") if name]
    conditions = report.conditions()
    with targets.contextlib.ExitStack() as stack:
        builds = [stack.enter_context(Build(argument)) for argument in flags.builds]
        load = stack.enter_context(targets.LoadClient())
        found = measure(load, builds, names, flags)
        first = builds[0].name
    rows = [row_of(*key, rounds, found[key[0], first]) for key, rounds in found.items()]

    report.progress("")
    report.print_conditions(conditions)
    report.print_table(rows, f"CPU milliseconds; {flags.rounds} bursts of {flags.burst} requests")
    report.write_json(flags.json, {"conditions": conditions, "rows": rows})
    return 0
