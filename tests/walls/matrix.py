"""Runs all attacks with walls left out, and works out which layers stop each.

In a machine to throw away (throwaway.py). Prints one JSON object a run. Four kinds of runs:
    all      every layer stands
    without  all but one: what comes through now hangs on that one
    none     none: what does no harm now needs no wall on this kernel
    alone    only one, and what it rests on: what is stopped is stopped by that one
"""

import argparse
import json
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "escape")]
import processes  # noqa: E402
from attack import ATTACKS  # noqa: E402
from meeting import meet  # noqa: E402
from service import CANARY, Service, under_way  # noqa: E402
from targets import Targets  # noqa: E402

LAYERS = (
    "user namespace",
    "mount namespace",
    "pid namespace",
    "network namespace",
    "ipc namespace",
    "uts namespace",
    "cgroup namespace",
    "read-only root",
    "private tmpfs",
    "private procfs",
    "closed descriptors",
    "no capabilities",
    "no_new_privs",
    "seccomp",
    "landlock",
    "rlimits",
)
# What a layer rests on: it cannot stand without.
RESTS_ON = {
    "read-only root": ("mount namespace",),
    "private tmpfs": ("mount namespace",),
    "private procfs": ("mount namespace", "pid namespace"),
}
# Without no_new_privs, the kernel takes filters and rules only from who has capabilities.
FALLS_WITH = {"no_new_privs": ("no capabilities",)}
# Always there in the runs with one layer alone. A mount namespace hides nothing by itself, and
# without it an attack that mounts would change what the next one finds. A guest that holds every
# descriptor of its zygote's keeps the front from hearing that somebody has died.
GROUND = ("mount namespace", "closed descriptors")
STOPPED, THROUGH, UNTRIED, UNCLEAR = "stopped", "through", "untried", "unclear"
ABSENT = "absent"  # This kernel was built without it.
THREADS = 4
# What a layer changes in what /proc shows of a guest from outside: a layer that no attack misses is
# missed here, or its switch does nothing. Landlock shows itself nowhere.
SEEN = {
    "user namespace": "user",
    "mount namespace": "mnt",
    "pid namespace": "pid",
    "network namespace": "net",
    "ipc namespace": "ipc",
    "uts namespace": "uts",
    "cgroup namespace": "cgroup",
    "no capabilities": "CapBnd",
    "no_new_privs": "NoNewPrivs",
    "seccomp": "Seccomp",
    "rlimits": "Max open files",
}
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
ARGUMENTS = ("--preload=none", "--slots=16", "--queue-time=5")


def fallen_with(layer):
    """All that falls when this layer does."""
    upon = [name for name, base in RESTS_ON.items() if layer in base]
    return {layer, *upon, *FALLS_WITH.get(layer, ())}


def standing_alone(layer):
    return {*GROUND, *RESTS_ON.get(layer, ()), *([layer] if layer else [])}


class Run:
    """One service with some walls, and all attacks on it."""

    def __init__(self, standing, folder):
        self.standing = set(standing)
        off = [f"--without-layer={name}" for name in LAYERS if name not in self.standing]
        self.service = Service(arguments=[*off, *ARGUMENTS])
        folder.mkdir()
        folder.chmod(0o755)
        self.folder = folder
        self.targets = None
        self.seen = {}

    def attack_all(self, attacks):
        for left in Path("/tmp").iterdir():  # By guests of the run before, where /tmp was shared.
            if not left.is_dir() and left.suffix != ".log":
                left.unlink()
        self.service.launch()
        try:
            self.service.wait_ready()
            self.targets = Targets(self.folder, self.service)
            self.seen = self.look_at_a_guest()
            # Those that may hit the service itself come last, one after another.
            plain = [a for a in attacks if a.one("First") == a.one("Meanwhile") == ""]
            # And those whose hits are counted.
            plain = [a for a in plain if not a.name.startswith(("kill_", "fork_bomb", "net_"))]
            rest = [a for a in attacks if a not in plain]
            with ThreadPoolExecutor(THREADS) as pool:
                told = dict(zip([a.name for a in plain], pool.map(self.attack, plain)))
            told |= {a.name: self.attack(a) for a in rest}
            # Once more and alone what went wrong: a neighbour may have hit it.
            for one in plain:
                if told[one.name][0] in (UNCLEAR, THROUGH):
                    told[one.name] = self.attack(one)
            return told
        finally:
            if self.targets:
                self.targets.close()
            self.service.kill()

    def attack(self, attack):
        """(what became of it, the answer in short)"""
        needs = [name for name in attack.one("Needs").split(", ") if name]
        if needs and not self.standing & set(needs):
            return UNTRIED, "needs " + " or ".join(needs)
        try:
            return self.try_attack(attack)
        except (OSError, AssertionError) as error:
            return UNCLEAR, repr(error)[:200]

    def try_attack(self, attack):
        hits = self.targets.count_hits() if attack.name.startswith("net_") else None
        script = attack.script(self.targets)
        if attack.one("First"):
            self.service.execute_all([attack.script(self.targets, attack.one("First"))] * 8, 4)
            answers = self.service.execute_all([script] * 8, threads=4)
        elif attack.one("Meanwhile"):
            answers = [meet(self.service, attack, self.targets)]
        else:
            answers = [self.service.execute(script)]
        is_well = processes.wait_until(self.service.is_ready, 20)
        words = answers[-1].raw.decode(errors="replace")[:200]
        leaked = any(CANARY.encode() in a.raw or b"'s secret" in a.raw for a in answers)
        if leaked or any(attack.came_through(a) for a in answers):
            return THROUGH, words
        if not is_well:
            return THROUGH, "the service was not ready again"
        if hits is not None and self.targets.count_hits() != hits:
            return THROUGH, "it has reached a listener"
        if all(a.status == 200 and attack.is_absent(a.json["result"]) for a in answers):
            return ABSENT, words
        if all(attack.matches(a) or a.status == 200 for a in answers):
            return STOPPED, words
        return UNCLEAR, words

    def look_at_a_guest(self):
        """What /proc shows of one, by the names of SEEN: of a namespace, whether it is its own."""
        name = "looked-at"
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.service.execute, under_way(name, "time.sleep(1)"))
            self.service.wait_under_way(name)
            (pid,) = (p for p in self.service.descendants() if processes.name(p) == name)
            own = {k: processes.namespace(pid, k) != processes.namespace("self", k)
                   for k in NAMESPACES}  # fmt: skip
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            status = dict(line.split(":\t", 1) for line in lines)
            limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
        shown = {one: status[one] for one in SEEN.values() if one in status}
        shown |= {one: line for one in SEEN.values() for line in limits if line.startswith(one)}
        return own | shown


def runs(kinds):
    """{name: the layers that stand}"""
    wanted = {}
    if "all" in kinds:
        wanted["all"] = set(LAYERS)
    if "without" in kinds:
        wanted |= {f"without {layer}": set(LAYERS) - fallen_with(layer) for layer in LAYERS}
    if "none" in kinds or "alone" in kinds:
        wanted["none"] = standing_alone(None)
    if "alone" in kinds:
        wanted |= {f"alone {layer}": standing_alone(layer) for layer in LAYERS}
        # What a layer rests on, for the difference.
        wanted["none and pid namespace"] = standing_alone("pid namespace")
    return wanted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="+", choices=("all", "without", "none", "alone"))
    parser.add_argument("--attacks", default="", help="only those whose name holds this")
    parser.add_argument("--layers", default="", help="only runs whose name holds this")
    arguments = parser.parse_args()
    attacks = [a for a in ATTACKS if arguments.attacks in a.name and a.is_in_the_matrix()]
    began = time.monotonic()
    for number, (name, standing) in enumerate(runs(arguments.kinds).items()):
        if arguments.layers in name:
            print(f"{time.monotonic() - began:5.0f} s  {name}", file=sys.stderr, flush=True)
            run = Run(standing, Path(f"/tmp/matrix{number}"))
            told = run.attack_all(attacks)
            print(json.dumps({"run": name, "told": told, "seen": run.seen}), flush=True)
    seconds = round(time.monotonic() - began)
    print(json.dumps({"kernel": platform.release(), "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
