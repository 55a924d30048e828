"""Writes docs/walls.md from a whole run of the matrix: `write_walls.py`, as root, in some minutes.

Wants the build of preset walls, and PYTHON_BIN. With a file, it takes the run that matrix.py has
left there instead of making one.
"""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "escape")]
from attack import ATTACKS  # noqa: E402
from matrix import (  # noqa: E402
    ABSENT, GROUND, LAYERS, RESTS_ON, SEEN, STOPPED, THROUGH, UNCLEAR, UNTRIED, fallen_with,
)  # fmt: skip
from service import REPOSITORY  # noqa: E402

PAGE = REPOSITORY / "docs" / "walls.md"
HEAD = """# The walls, one by one

Written by `tests/walls/write_walls.py`, not by hand: it runs every attack of `tests/escape` with
walls left out, in a build that can leave them out (preset `walls`), on a machine to throw away.

- **Alone**: the layers that stop the attack each by itself, with all others left out but what it
  rests on. With all of them left out, the guest is root on the machine. Not asked of the mount
  namespace, on which others rest: {rests}.
- **Hangs on**: the layers without which the attack comes through though all others stand. Most
  rows have none: two walls have to fall at once. Where there is one, the attack's file says why
  that is enough. A layer falls here with what rests on it; without no_new_privs the kernel takes
  a filter only from who has capabilities, so these fall with it.
- **Seen to be gone**: that a layer left out is really not there. What `/proc` shows of a guest from
  outside differs in this and in nothing else; the others are missed by an attack.

"""


def collect(lines):
    """({run: {attack: (what, words)}}, facts) of what matrix.py has printed."""
    told, facts = {}, {"kernel": "?", "seconds": 0, "seen": {}}
    for line in lines:
        one = json.loads(line)
        if "run" in one:
            told[one["run"]] = one["told"]
            facts["seen"][one["run"]] = one["seen"]
        else:
            facts["kernel"] = one["kernel"]
            facts["seconds"] += one["seconds"]
    return told, facts


def run_matrix(*kinds):
    command = [sys.executable, HERE / "throwaway.py", sys.executable, HERE / "matrix.py", *kinds]
    told = subprocess.run(command, stdout=subprocess.PIPE, cwd=REPOSITORY, check=True, text=True)
    return collect(told.stdout.splitlines())


def became(told, run, attack):
    return told.get(run, {}).get(attack.name, (UNTRIED, ""))[0]


def hangs_on(told, attack):
    """Layers without which it comes through though all others stand."""
    return [name for name in LAYERS if became(told, f"without {name}", attack) == THROUGH]


def ground_of(layer):
    """The run that tells what stands below it stops already."""
    return "none and pid namespace" if "pid namespace" in RESTS_ON.get(layer, ()) else "none"


def fails_anyway(told, attack):
    """Whether no wall has to stop it. Where none stands, descriptors are closed all the same."""
    return (
        became(told, "none", attack) in (STOPPED, ABSENT)
        and became(told, "without closed descriptors", attack) != THROUGH
    )


def unexplained(told):
    """Those that do no harm without any wall, on a kernel that has what they try, and whose files
    do not say why: their probes may be broken."""
    return [
        attack.name
        for attack in ATTACKS
        if fails_anyway(told, attack)
        and became(told, "none", attack) != ABSENT
        and not attack.one("Fails anyway")
    ]


def unclear(told):
    """Of what nothing can be said, and why: it was not run, or went wrong."""
    return {
        (run, name): what
        for run, attacks in told.items()
        for name, what in attacks.items()
        if what[0] == UNCLEAR or (what[0] == UNTRIED and run.startswith(("all", "without")))
    }


def seen_to_differ(facts, layer):
    """The names of what /proc shows otherwise of a guest when this one is left out."""
    whole, without = facts["seen"]["all"], facts["seen"][f"without {layer}"]
    return {name for name in whole if whole[name] != without.get(name)}


def stopped_by(told, attack):
    """Layers that stop it alone; None where nothing has to."""
    if fails_anyway(told, attack):
        return None
    if became(told, "none", attack) == STOPPED:
        return ["closed descriptors"]
    return [
        name
        for name in LAYERS
        if name not in GROUND
        and became(told, f"alone {name}", attack) == STOPPED
        and became(told, ground_of(name), attack) != STOPPED
    ]


def is_excused(attack):
    return bool(attack.one("One layer"))


def unexcused(told, attacks=ATTACKS):
    """Those that hang on one layer, and whose files do not say why that is enough."""
    return {
        attack.name: hangs_on(told, attack)
        for attack in attacks
        if hangs_on(told, attack) and not is_excused(attack)
    }


def rows(told):
    for attack in ATTACKS:
        if not attack.is_in_the_matrix():
            continue
        alone = stopped_by(told, attack)
        if alone is None and became(told, "none", attack) == ABSENT:
            words = "none has to: this kernel was built without it"
        elif alone is None:
            words = f"none has to: {attack.one('Fails anyway')}"
        else:
            words = ", ".join(alone) or "none: only together"
        reason = f"{', '.join(hangs_on(told, attack)) or '–'}"
        if is_excused(attack) and hangs_on(told, attack):
            reason += f": {attack.one('One layer')}"
        model = f" ({attack.one('Modelled on')})" if attack.one("Modelled on") else ""
        claim = attack.one("Attack").rstrip(".")
        yield f"| `{attack.name}` | {claim}{model} | {words} | {reason} |"


def layer_rows(told):
    for layer in LAYERS:
        alone = sum(layer in (stopped_by(told, attack) or ()) for attack in ATTACKS)
        hanging = [a.name for a in ATTACKS if layer in hangs_on(told, a)]
        fallen = sorted(fallen_with(layer) - {layer})
        with_it = f" (with {', '.join(fallen)})" if fallen else ""
        seen = f"`{SEEN[layer]}`" if layer in SEEN else f"by `{'`, `'.join(hanging)}`"
        yield f"| {layer}{with_it} | {alone} | {len(hanging)} | {seen} |"


def page(told, facts):
    rests = ", ".join(name for name, base in RESTS_ON.items() if "mount namespace" in base)
    return "\n".join(
        [
            HEAD.format(rests=rests)
            + f"Last run: {date.today()}, Linux {facts['kernel']}, {len(told['all'])} attacks, "
            f"{len(told)} services, {facts['seconds']} s.\n",
            "| layer | attacks that it stops alone | attacks that hang on it | seen to be gone |",
            "|---|---|---|---|",
            *layer_rows(told),
            "",
            "| attack | what it tries | alone | hangs on |",
            "|---|---|---|---|",
            *rows(told),
            "",
        ]
    )


def main():
    if len(sys.argv) > 1:
        told, facts = collect(Path(sys.argv[1]).read_text().splitlines())
    else:
        told, facts = run_matrix("all", "without", "none", "alone")
    PAGE.write_text(page(told, facts), encoding="utf-8")
    for name, layers in unexcused(told).items():
        print(f"{name} hangs on {', '.join(layers)}, and its file does not say why that is enough")
    for name in unexplained(told):
        print(f"{name} does no harm without any wall, and its file does not say why")
    for (run, name), what in unclear(told).items():
        print(f"{run}: {name} is {what[0]}: {what[1]}")
    sys.exit(bool(unexcused(told) or unexplained(told) or unclear(told)))


if __name__ == "__main__":
    main()
