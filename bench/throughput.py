"""How many answers a second, and what CPU time each job costs: closed loops of 1 to 256 clients.

Each client sends its next request when it has its answer. The targets take turns, one stretch
(--seconds) each, in several rounds. CPU time is that of the whole service: supervisor, front,
zygote and guests, what the kernel does in their name included (fork, page faults, exit); before and
after each stretch the pool is full. Kernel threads are counted apart, for the whole machine (JSON
only).

The floor of a job's CPU time is `fork and run`: fork of a process with the same imports, the same
script in the child, _exit, wait; no jail, no HTTP. The floor of an answer is the echo of its bytes.
The reference is Flask, gunicorn and a fresh interpreter in a jail for each request.
"""

import os

import figures
import report
import targets
from scripts import SCRIPTS


def parse_flags(arguments):
    parser = report.parser(__doc__, name="throughput")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of one stretch")
    parser.add_argument("--clients", default="1,4,16,64,256")
    parser.add_argument("--scripts", default="hello,pandas", help=f"of: {', '.join(SCRIPTS)}")
    parser.add_argument("--reference-clients", default="1,16", help="empty: no reference")
    parser.add_argument("--floor-count", type=int, default=50, help="jobs of the floor, a round")
    return parser.parse_args(arguments)


class Tally:
    """What several stretches of one target came to."""

    def __init__(self):
        self.latencies_us = []
        self.answers = self.refused = 0
        self.seconds = self.cpu = self.client_cpu = self.kernel_threads_cpu = 0.0

    def add(self, done, cpu, kernel_threads_cpu):
        self.latencies_us += done["latencies_us"]
        self.answers += len(done["latencies_us"])
        self.refused += sum(n for status, n in done["statuses"].items() if status != "200")
        self.refused += done["errors"]
        self.seconds += done["seconds"]
        self.client_cpu += done["cpu_seconds"]
        self.cpu += cpu
        self.kernel_threads_cpu += kernel_threads_cpu

    def summary(self):
        return figures.summary(self.latencies_us) | {
            "per_second": figures.ratio(self.answers, self.seconds),
            "refused": self.refused,
            "cpu_ms": figures.ratio(self.cpu * 1000, self.answers),
            "client_cpu_ms": figures.ratio(self.client_cpu * 1000, self.answers),
            "kernel_threads_cpu_ms": figures.ratio(self.kernel_threads_cpu * 1000, self.answers),
        }


def stretch(world, target, name, clients, seconds, tally):
    target.settle()
    before, threads_before = target.cpu_seconds(), targets.kernel_threads_cpu_seconds()
    done = world.load.run(target, name, SCRIPTS[name], clients=clients, seconds=seconds)
    target.settle()
    threads = targets.kernel_threads_cpu_seconds() - threads_before
    tally.add(done, target.cpu_seconds() - before, threads)


def measure(world, names, client_counts, flags):
    """{(script, clients): {target: Tally}}, {script: {kind: [answers of floor.py]}}"""
    tallies, floors = {}, {}
    reference_counts = [int(n) for n in flags.reference_clients.split(",") if n]
    for turn in range(flags.rounds):
        for name in names:
            for kind in ("fork", "fork and run"):
                done = world.floor(name).measure(kind, flags.floor_count, SCRIPTS[name])
                floors.setdefault(name, {}).setdefault(kind, []).append(done)
            for clients in client_counts:
                report.progress(f"round {turn + 1} of {flags.rounds}: {name}, {clients} clients")
                row = tallies.setdefault((name, clients), {})
                for target in world.servers:
                    if target is world.reference and clients not in reference_counts:
                        continue
                    tally = row.setdefault(target.name, Tally())
                    seconds = flags.seconds / 3 if target is world.echo else flags.seconds
                    stretch(world, target, name, clients, seconds, tally)
    return tallies, floors


def floor_of(answers):
    jobs = sum(len(answer["latencies_us"]) for answer in answers)
    cpu = sum(answer["cpu_seconds"] for answer in answers)
    latencies = [us for answer in answers for us in answer["latencies_us"]]
    return figures.summary(latencies) | {"cpu_ms": cpu * 1000 / jobs}


def row_of(name, clients, found, floor):
    ours, reference = found["snapjail"], found.get("reference", {})
    floor_cpu = floor["fork and run"]["cpu_ms"]
    return {
        "script": name,
        "clients": clients,
        "jobs/s": ours["per_second"],
        "p50": ours["p50_ms"],
        "p99": ours["p99_ms"],
        "503": ours["refused"],
        "cpu/job": ours["cpu_ms"],
        "fork+run cpu": floor_cpu,
        "x floor": figures.ratio(ours["cpu_ms"], floor_cpu),
        "echo/s": found["echo"]["per_second"],
        "ref jobs/s": reference.get("per_second"),
        "ref cpu": reference.get("cpu_ms"),
        "jobs/ref": figures.ratio(ours["per_second"], reference.get("per_second")),
    }


def main(arguments):
    flags = parse_flags(arguments)
    names = [name for name in flags.scripts.split(",") if name]
    client_counts = [int(part) for part in flags.clients.split(",")]
    conditions = report.conditions()
    with targets.World(has_reference=bool(flags.reference_clients)) as world:
        tallies, floors = measure(world, names, client_counts, flags)
        conditions["reference"] = world.reference_name
    floors = {n: {k: floor_of(a) for k, a in kinds.items()} for n, kinds in floors.items()}
    found = {key: {t: tally.summary() for t, tally in row.items()} for key, row in tallies.items()}

    report.progress("")
    report.print_conditions(conditions)
    report.print_table(
        [row_of(*key, row, floors[key[0]]) for key, row in found.items()],
        f"Closed loop; milliseconds, {os.cpu_count()} cores shared with the load client",
    )
    report.write_json(
        flags.json,
        {
            "conditions": conditions,
            "floors": floors,
            "closed loop": [{"script": n, "clients": c} | row for (n, c), row in found.items()],
        },
    )
    return 0
