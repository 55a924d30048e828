#!/usr/bin/env python3
"""Runs the fuzz targets of build/fuzz, as many at once as there are processors.

run.py [--seconds=N] [--junit=FILE] [TARGET ...]   a short run: what `./check` does
run.py --search --seconds=600                      a long one; what it finds stays
run.py --minimize                                  corpora of a long run, reduced
Build first: tools/build-preset fuzz. Inputs begin with tests/fuzz/corpus/TARGET; what a run adds
to them is in build/fuzz/work/TARGET, never in the repository.
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "fuzz"
WORK = BUILD / "work"
FINDINGS = BUILD / "findings"
# Name: how long an input may be. Longer ones cost time, and show nothing that shorter ones do not.
TARGETS = {"http": 2048, "request": 512, "guest": 1024, "config": 4096, "kafel": 2048,
           "policy": 512}
MORE_SEEDS = {"config": "tests/nsjail/*.cfg"}  # What stands elsewhere already.
SECONDS_PER_INPUT_MAX = 10
MEGABYTES_MAX = 2048
# A reader that calls itself without a bound would fill the usual 8 MB only with an input that is
# longer than those above.
STACK_BYTES = 1 << 20
REPORT_LINES = 25
# A check says the same of the same code: its inputs are drawn alike each time. A search's are not.
CHECK_SEED, RANDOM_SEED = 1, 0


def seeds_of(target):
    files = sorted((HERE / "corpus" / target).iterdir())
    return files + sorted(ROOT.glob(MORE_SEEDS[target])) if target in MORE_SEEDS else files


def prepare(target, is_search):
    """The folder where a run begins: the seeds, and for a search what earlier runs have found."""
    folder = WORK / target
    if not is_search:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds_of(target):
        shutil.copyfile(seed, folder / seed.name)
    return folder


def command_of(target, *more):
    dictionary = HERE / f"{target}.dict"
    flags = [f"-max_len={TARGETS[target]}", f"-timeout={SECONDS_PER_INPUT_MAX}",
             f"-rss_limit_mb={MEGABYTES_MAX}", f"-artifact_prefix={FINDINGS}/{target}-",
             "-print_final_stats=1", "-use_value_profile=1"]
    flags += [f"-dict={dictionary}"] if dictionary.exists() else []
    return [str(BUILD / "tests" / "fuzz" / f"{target}_fuzz"), *flags, *map(str, more)]


def bound_stack():
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, resource.RLIM_INFINITY))


def figures(report):
    """What libFuzzer says of a run, as one line."""
    executed = re.findall(r"stat::number_of_executed_units: (\d+)", report)
    status = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)/(\S+)", report)
    shown = [f"{int(executed[-1]):,} executions" if executed else "not one execution"]
    if status:
        cover, _, inputs, size = status[-1]
        shown.append(f"{cover} edges, corpus {inputs} inputs of {size.rstrip('b')} bytes")
    return ", ".join(shown)


def explain(target, report):
    lines = [f"{target}: a finding"]
    found = re.findall(r"Test unit written to (\S+)", report)
    if found:
        lines += [f"reproduce: {BUILD}/tests/fuzz/{target}_fuzz {found[-1]}",
                  "then mend it, with a unit test, and put the reduced input (-minimize_crash=1) "
                  f"into tests/fuzz/corpus/{target}/"]
    # From the first sign of it on: the stack, what was asked, the input's bytes.
    sign = re.search(r"CHECK failed|==\d+==|runtime error|ERROR: libFuzzer", report)
    rest = report[sign.start():] if sign else report[-4000:]
    shown = [line for line in rest.splitlines()
             if not re.search(r" in (fuzzer::|main |_start |__libc|__pthread|raise |abort )", line)]
    return "\n".join(lines + shown[:REPORT_LINES])


def fuzz(target, seconds, is_search):
    """(seconds taken, what failed or an empty string) of one target; prints its figures."""
    began = time.monotonic()
    folder = prepare(target, is_search)
    seed = RANDOM_SEED if is_search else CHECK_SEED
    process = subprocess.run(
        command_of(target, f"-max_total_time={seconds}", f"-seed={seed}", folder),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, preexec_fn=bound_stack)
    report = process.stdout.decode(errors="replace")
    (WORK / f"{target}.log").write_text(report)
    failure = explain(target, report) if process.returncode else ""
    if not failure and "number_of_executed_units" not in report:
        failure = f"{target}: it did not run\n{report[-2000:]}"
    print(failure or f"{target:8} {figures(report)}", flush=True)
    return time.monotonic() - began, failure


def minimize(target):
    """Writes the smallest set of inputs that covers what the work folder covers, beside it."""
    folder = WORK / f"{target}.minimized"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    # By edges alone: with value profiles nearly every input covers something of its own.
    subprocess.run(command_of(target, "-use_value_profile=0", "-merge=1", folder, WORK / target),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    print(f"{target:8} {len(list(folder.iterdir()))} inputs in {folder}", flush=True)


def write_junit(path, results):
    suite = ElementTree.Element("testsuite", name="fuzz", tests=str(len(results)))
    for target, (seconds, failure) in results.items():
        case = ElementTree.SubElement(suite, "testcase", name=target, time=f"{seconds:.1f}")
        if failure:
            # XML has no place for most control characters.
            text = re.sub(r"[^\t\n\x20-\x7e]", "?", failure)
            ElementTree.SubElement(case, "failure", message="a finding").text = text
    ElementTree.ElementTree(suite).write(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=15, help="for each target")
    parser.add_argument("--search", action="store_true",
                        help="other inputs each time, going on from what earlier runs found")
    parser.add_argument("--minimize", action="store_true", help="reduce what runs have found")
    parser.add_argument("--junit", help="where to write the results as JUnit XML")
    arguments = parser.parse_args()
    targets = arguments.targets or list(TARGETS)
    if unknown := set(targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    FINDINGS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        if arguments.minimize:
            list(pool.map(minimize, targets))
            return 0
        results = dict(zip(targets, pool.map(
            lambda target: fuzz(target, arguments.seconds, arguments.search), targets)))
    if arguments.junit:
        write_junit(arguments.junit, results)
    return 1 if any(failure for _, failure in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
