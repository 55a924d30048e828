"""Several builds of the service beside each other, in one run: what a change has brought.

Each argument is NAME=BINARY, or NAME=BINARY,FLAG,FLAG... (flags of `snapjail serve`). Every build's
library folder lies beside its binary, so keep a copy of both. In each round and for each script the
builds take turns, in another order each time: some requests of one client with pauses (p50, p99),
then a closed loop of --clients (jobs per second, CPU time per job). The first is what the others
are compared to.
"""

from pathlib import Path

import figures
import report
import targets
from scripts import SCRIPTS
from throughput import Tally, stretch


def parse_flags(arguments):
    parser = report.parser(__doc__, name="compare")
    parser.add_argument("builds", nargs="+", metavar="NAME=BINARY[,FLAG...]")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--slice", type=int, default=20, help="requests of one client in a row")
    parser.add_argument("--pause", type=float, default=20, help="ms between two of them")
    parser.add_argument("--seconds", type=float, default=2, help="of one closed loop")
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--scripts", default="hello,pandas", help=f"of: {', '.join(SCRIPTS)}")
    return parser.parse_args(arguments)


def start(build):
    name, _, rest = build.partition("=")
    binary, *flags = rest.split(",")
    return targets.Snapjail(name, flags=flags, binary=Path(binary).absolute())


class Stand(targets.contextlib.ExitStack):
    """The builds, all running, and the load client."""

    def __init__(self, builds):
        super().__init__()
        self.services = [self.enter_context(start(build)) for build in builds]
        self.load = self.enter_context(targets.LoadClient())


def measure(stand, names, flags):
    """{(script, build): (microseconds of one client, Tally of closed loops)}"""
    found = {(n, s.name): ([], Tally()) for n in names for s in stand.services}
    for turn in range(flags.rounds):
        shift = turn % len(stand.services)
        order = stand.services[shift:] + stand.services[:shift]
        for name in names:
            report.progress(f"round {turn + 1} of {flags.rounds}: {name}")
            for service in order:
                service.settle()
                done = stand.load.run(
                    service, name, SCRIPTS[name], requests=flags.slice, pause=flags.pause
                )
                found[name, service.name][0].extend(done["latencies_us"])
            for service in order:
                tally = found[name, service.name][1]
                stretch(stand, service, name, flags.clients, flags.seconds, tally)
    return found


def row_of(name, build, one, loop, base):
    return {
        "script": name,
        "build": build,
        "p10": one["p10_ms"],
        "p50": one["p50_ms"],
        "p99": one["p99_ms"],
        "jobs/s": loop["per_second"],
        "cpu/job": loop["cpu_ms"],
        "p10 ratio": figures.ratio(one["p10_ms"], base[0]["p10_ms"]),
        "p50 ratio": figures.ratio(one["p50_ms"], base[0]["p50_ms"]),
        "jobs/s ratio": figures.ratio(loop["per_second"], base[1]["per_second"]),
        "cpu ratio": figures.ratio(loop["cpu_ms"], base[1]["cpu_ms"]),
    }


def main(arguments):
    flags = parse_flags(arguments)
    names = [name for name in flags.scripts.split(",") if name]
    conditions = report.conditions()
    with Stand(flags.builds) as stand:
        found = measure(stand, names, flags)
        first = stand.services[0].name
    summaries = {key: (figures.summary(us), tally.summary()) for key, (us, tally) in found.items()}
    rows = [row_of(*key, *pair, summaries[key[0], first]) for key, pair in summaries.items()]

    report.progress("")
    report.print_conditions(conditions)
    report.print_table(
        rows, f"p50, p99: one client; jobs/s, cpu: {flags.clients} clients; milliseconds"
    )
    report.write_json(flags.json, {"conditions": conditions, "rows": rows})
    return 0
