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
from matrix import GROUND, LAYERS, RESTS_ON, STOPPED, THROUGH, UNTRIED, fallen_with  # noqa: E402
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

"""


def collect(lines):
    """({run: {attack: (what, words)}}, facts) of what matrix.py has printed."""
    told, facts = {}, {"kernel": "?", "seconds": 0}
    for line in lines:
        one = json.loads(line)
        if "run" in one:
            told[one["run"]] = one["told"]
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


def stopped_by(told, attack):
    """Layers that stop it alone; None where nothing has to: it fails on this kernel by itself."""
    if became(told, "none", attack) == STOPPED:
        if became(told, "without closed descriptors", attack) == THROUGH:
            return ["closed descriptors"]
        return None
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
        if not attack.is_for_this_machine():
            continue
        alone = stopped_by(told, attack)
        if alone is None:
            words = "fails here without any: the kernel lacks it, or every job has its own process"
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
        yield f"| {layer}{with_it} | {alone} | {len(hanging)} |"


def page(told, facts):
    rests = ", ".join(name for name, base in RESTS_ON.items() if "mount namespace" in base)
    return "\n".join(
        [
            HEAD.format(rests=rests)
            + f"Last run: {date.today()}, Linux {facts['kernel']}, {len(ATTACKS)} attacks, "
            f"{len(told)} services, {facts['seconds']} s.\n",
            "| layer | attacks that it stops alone | attacks that hang on it |",
            "|---|---|---|",
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
        told, facts = run_matrix("all", "without", "alone")
    PAGE.write_text(page(told, facts), encoding="utf-8")
    for name, layers in unexcused(told).items():
        print(f"{name} hangs on {', '.join(layers)}, and its file does not say why that is enough")
    sys.exit(bool(unexcused(told)))


if __name__ == "__main__":
    main()
