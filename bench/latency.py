"""How long an answer takes over HTTP: one client, and open loops; beside floors and a reference.

One client: a request, its answer, a pause (--pause) in which the pool fills again. All targets take
turns, a few requests at a time (--slice), so that what else the machine does strikes all alike:
  snapjail    POST /execute of a service of its own
  echo        the floor of HTTP: our server, which sends the same bytes and runs nothing
  warm child  the floor of the job: the same script in a child forked and warmed before, over pipes,
              that has waited for it as long as a guest has
  fork        fork, _exit, wait of a process with the same imports
  reference   Flask, gunicorn, a fresh interpreter in a jail (nsjail or bubblewrap) for each request
The floor of an answer is echo + warm child (medians); `x floor` is the ratio to it.

Open loop: requests are due at random moments at a given rate (--rates), whether or not the last
was answered; each is timed from when it was due.
"""

import figures
import report
import targets
from scripts import SCRIPTS

OPEN_CLIENTS = 64  # More than are ever needed at these rates: a request waits for none of them.


def numbers(text):
    return [float(part) for part in text.split(",") if part]


def parse_flags(arguments):
    parser = report.parser(__doc__, name="latency")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--slice", type=int, default=10, help="requests of one target in a row")
    parser.add_argument("--pause", type=float, default=20, help="ms between two requests")
    parser.add_argument("--scripts", default=",".join(SCRIPTS), help="names, by commas")
    parser.add_argument("--reference-slice", type=int, default=1, help="0: no reference")
    parser.add_argument("--rates", type=numbers, default=[10, 25, 50], help="open loop: per s")
    parser.add_argument("--open-seconds", type=float, default=4, help="one stretch; 0: none")
    parser.add_argument("--open-rounds", type=int, default=3)
    parser.add_argument("--open-scripts", default="hello,pandas")
    return parser.parse_args(arguments)


def check_report(report_, target, name):
    if report_["errors"] or set(report_["statuses"]) - {"200"}:
        report.say(f"{target.name}, {name}: {report_['errors']} errors, {report_['statuses']}")


def measure_one_client(world, names, flags):
    """{script: {target: [microseconds]}}"""
    samples = {name: {} for name in names}
    for turn in range(flags.rounds):
        for name in names:
            report.progress(f"round {turn + 1} of {flags.rounds}: {name}")
            script, row = SCRIPTS[name], samples[name]
            for target in world.servers:
                count = flags.slice if target is not world.reference else flags.reference_slice
                done = world.load.run(target, name, script, requests=count, pause=flags.pause)
                check_report(done, target, name)
                row.setdefault(target.name, []).extend(done["latencies_us"])
            for kind in ("warm child", "fork"):
                done = world.floor(name).measure(kind, flags.slice, script, flags.pause)
                row.setdefault(kind, []).extend(done["latencies_us"])
    return samples


def measure_open_loops(world, names, flags):
    """{(script, rate): {target: [microseconds]}}"""
    samples = {}
    for turn in range(flags.open_rounds if flags.open_seconds else 0):
        for name in names:
            for rate in flags.rates:
                report.progress(f"open loop, round {turn + 1}: {name} at {rate:g}/s")
                for target in (world.snapjail, world.echo):
                    target.settle()
                    done = world.load.run(
                        target,
                        name,
                        SCRIPTS[name],
                        rate=rate,
                        seconds=flags.open_seconds,
                        clients=OPEN_CLIENTS,
                        seed=turn + 1,
                    )
                    check_report(done, target, name)
                    row = samples.setdefault((name, rate), {})
                    row.setdefault(target.name, []).extend(done["latencies_us"])
    return samples


def row_of(name, kinds):
    found = {kind: figures.summary(samples) for kind, samples in kinds.items()}
    p50 = found["snapjail"]["p50_ms"]
    floor = found["echo"]["p50_ms"] + found["warm child"]["p50_ms"]
    reference = found.get("reference", {}).get("p50_ms")
    row = {
        "script": name,
        "n": found["snapjail"]["n"],
        "p50": p50,
        "p95": found["snapjail"]["p95_ms"],
        "p99": found["snapjail"]["p99_ms"],
        "echo": found["echo"]["p50_ms"],
        "warm child": found["warm child"]["p50_ms"],
        "fork": found["fork"]["p50_ms"],
        "x floor": figures.ratio(p50, floor),
        "reference": reference,
        "ref/p50": figures.ratio(reference, p50),
    }
    return row, found


def open_row_of(name, rate, kinds):
    found = {kind: figures.summary(samples) for kind, samples in kinds.items()}
    ours = found["snapjail"]
    row = {"script": name, "per second": rate, "n": ours["n"]}
    row |= {key[:-3]: ours[key] for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")}
    row["echo"] = found["echo"]["p50_ms"]
    row["x echo"] = figures.ratio(ours["p50_ms"], found["echo"]["p50_ms"])
    return row, found


def main(arguments):
    flags = parse_flags(arguments)
    names = [name for name in flags.scripts.split(",") if name]
    conditions = report.conditions()
    with targets.World(has_reference=flags.reference_slice > 0) as world:
        one = measure_one_client(world, names, flags)
        opened = measure_open_loops(world, [n for n in flags.open_scripts.split(",") if n], flags)
        conditions["reference"] = world.reference_name
    rows = {name: row_of(name, kinds) for name, kinds in one.items()}
    open_rows = {key: open_row_of(*key, kinds) for key, kinds in opened.items()}

    report.progress("")
    report.print_conditions(conditions)
    report.print_table(
        [row for row, _ in rows.values()],
        f"One client, {flags.pause:g} ms between requests; milliseconds",
    )
    report.print_table(
        [row for row, _ in open_rows.values()],
        "Open loop, timed from when each request was due; milliseconds",
    )
    report.write_json(
        flags.json,
        {
            "conditions": conditions,
            "one client": {name: found | {"row": row} for name, (row, found) in rows.items()},
            "open loop": [
                {"script": name, "per_second": rate} | found
                for (name, rate), (_, found) in open_rows.items()
            ],
        },
    )
    return 0
