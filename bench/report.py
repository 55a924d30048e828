"""What every program prints and writes: a table, and JSON that says where and how it was made."""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        return done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def first_line_with(path, word):
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(word)), "")


def conditions():
    """Where, when and on what: without these a figure says nothing."""
    commit = output_of("git", "rev-parse", "--short=12", "HEAD")
    is_changed = bool(output_of("git", "status", "--porcelain", "--untracked-files=no"))
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit + ("+changes" if is_changed else ""),
        "command": "bench/run " + " ".join(sys.argv[1:]),
        "machine": first_line_with("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": first_line_with("/proc/meminfo", "MemTotal"),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "load_before": os.getloadavg()[0],
        "nice": os.nice(0),
    }


def parser(description, **defaults):
    """Flags that all programs have."""
    made = argparse.ArgumentParser(
        prog="bench/run " + sys.argv[1] if len(sys.argv) > 1 else None,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Path("build/bench") / (defaults["name"] + ".json")
    made.add_argument("--json", type=Path, default=ROOT / default, help=f"default: {default}")
    return made


def shown(value):
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)


def print_table(rows, title=""):
    """Rows are dictionaries with the same keys."""
    if title:
        print(f"\n{title}")
    if not rows:
        return
    keys = list(rows[0])
    cells = [[shown(row.get(key)) for key in keys] for row in rows]
    widths = [max(len(k), *(len(c[i]) for c in cells)) for i, k in enumerate(keys)]

    def line(parts):
        left = parts[0].ljust(widths[0])
        return "  ".join([left] + [p.rjust(w) for p, w in zip(parts[1:], widths[1:])])

    print(line(keys))
    for row in cells:
        print(line(row))


def print_conditions(made):
    print(
        f"{made['date']}, commit {made['commit']}\n{made['command']}\n"
        f"{made['machine']}, {made['cores']} cores, {made['memory']}, {made['kernel']}, "
        f"{made['system']}; load {made['load_before']:.2f}, nice {made['nice']}"
    )


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"\nwritten: {path}")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def say(text):
    progress("")
    print(f"bench: {text}", file=sys.stderr)
