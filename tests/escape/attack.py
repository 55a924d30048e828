"""An attack_*.py as data: what its head says, how it is sent, and whether it was stopped.

The head of each:
    # Attack: one sentence.
    # Modelled on: CVE-2019-5736   where it follows a published one: its entry, no exploit
    # Expect: "EPERM"              the JSON of main()'s value in the jail; several: any of them
    # Expect: error_type=signal    or the job ends so
    # Expect in tier process: ...  as well, where /health says that this is the tier
    # Expect instead in tier process: ...  and nothing else there
    # Expect in gVisor: ...        as well, where /health says that this is the kernel
    # Not in gVisor: why           skipped there, aloud
    # Control: "done"              the JSON of control()'s value outside, of main()'s without one
    # Control-as: root             or: root in mount uts, namespaces of its own; there an ordinary
                                   user's will do, unless it is: the host's root in mount
    # First: leave                 jobs that call leave() run before
    # Meanwhile: hold              a job that calls hold() runs at the same time; it ends by stay()
    # Holds: "done"                the JSON of what hold() must have told in the jail; several: any
    # Only: x86_64
    # With: cgroup limits          skipped, aloud, in tier full where /health names no such layer
    # Harm: [200, "done"]          the value that says it came through, where that is not plain
    # Denied: ENOSPC why           with walls off, an errno that is a denial here: see DENIALS
    # Needs: pid namespace         with walls off it is tried only where one of these stands
    # Fails anyway: why            with all walls off it does no harm either
    # One layer: why one wall between this and its harm is enough
"""

import json
import platform
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROBE = (HERE / "probe.py").read_text()
# What says that this kernel was built without the thing: nothing was stopped, nothing was there.
ABSENT = {"EAFNOSUPPORT", "EPROTONOSUPPORT", "ENOSYS", "ENOTSUP"}
# What a wall says when it refuses: the kernel's words for "not you", "not this file" and "not this
# mount". All others can mean that it was let try and that something else went wrong: an attack that
# has one of those for its denial names it, by `Denied` or `Expect`.
DENIALS = {"EPERM", "EACCES", "EROFS"}
FIELD = re.compile(
    r"# ([A-Z][A-Za-z]+(?:-as| on| in tier process| instead in tier process| in gVisor| layer"
    r"| anyway)?): (.*)"
)


def flatten(value):
    if not isinstance(value, list):
        return [value]
    return [leaf for part in value for leaf in flatten(part)]


class Attack:
    def __init__(self, path):
        self.text = path.read_text()
        self.name = path.stem.removeprefix("attack_")
        head = [line for line in self.text.splitlines() if line.startswith("# ")]
        fields = [FIELD.match(line) for line in head]
        self.fields = [(match[1], match[2]) for match in fields if match]
        assert self.all("Attack") and self.all("Expect") and self.all("Control"), path

    def all(self, field):
        return [value for name, value in self.fields if name == field]

    def one(self, field):
        return (self.all(field) or [""])[0]

    def script(self, targets, main="main"):
        """The attack as it is sent, aimed at these targets."""
        aimed = PROBE.replace("TARGET = {}", f"TARGET = {targets.offered!r}")
        extra = "" if main == "main" else f"\nmain = {main}\n"
        return f"{aimed}\n\n{self.text}{extra}"

    def timed_script(self, targets):
        return self.script(targets) + "\n_attack = main\ndef main(): return timed(_attack)\n"

    def is_for_this_machine(self):
        return self.one("Only") in ("", platform.machine())

    def is_in_the_matrix(self):
        """Cgroups are no wall of the matrix, whose machine has none to give."""
        return self.is_for_this_machine() and not self.one("With")

    def check_kernel(self, kernel):
        if kernel == "gvisor" and self.one("Not in gVisor"):
            pytest.skip(f"gVisor: {self.one('Not in gVisor')}")

    def check_layers(self, tier, layers):
        wanted = self.one("With")
        if tier == "full" and not any(name.startswith(wanted) for name in layers):
            pytest.skip(f"without {wanted}: SECURITY.md says what is not bounded then")

    def check_architecture(self):
        if not self.is_for_this_machine():
            pytest.skip(f"an attack on {self.one('Only')}, this is {platform.machine()}")

    def expected(self, tier="full", kernel="linux"):
        if tier == "process" and self.all("Expect instead in tier process"):
            return self.all("Expect instead in tier process")
        elsewhere = self.all("Expect in tier process") if tier == "process" else []
        elsewhere += self.all("Expect in gVisor") if kernel == "gvisor" else []
        return self.all("Expect") + elsewhere

    def matches(self, answer, tier="full", kernel="linux"):
        """Whether the jail has made of it exactly what it must."""
        for expected in self.expected(tier, kernel):
            word = expected.removeprefix("error_type=")
            if word != expected:
                if answer.outcome == (400, word):
                    return True
            elif answer.status == 200 and answer.json["result"] == json.loads(expected):
                return True
        return False

    def came_through(self, answer):
        """Whether it did its harm: for runs with walls off, where the words of a denial differ."""
        if answer.status != 200:
            return answer.status >= 500  # The zygote was hit; a script that was ended did nothing.
        value = answer.json["result"]
        if self.all("Harm"):
            return value in [json.loads(text) for text in self.all("Harm")]
        if self.matches(answer):
            return False
        leaves = flatten(value)
        controls = [json.loads(text) for text in self.all("Control")]
        if value in controls and not self.is_absent(value):
            return True
        expectations = [
            flatten(json.loads(text)) for text in self.all("Expect") if "error_type" not in text
        ]
        denials = DENIALS | {text.split()[0] for text in self.all("Denied")}
        for at, leaf in enumerate(leaves):
            allowed = [leaves_then[at] for leaves_then in expectations if at < len(leaves_then)]
            if leaf not in allowed and leaf not in denials and not self.is_absent(leaf):
                return True
        return False

    def is_absent(self, value):
        """Whether this kernel was built without it, as the control may find outside, too."""
        controls = [json.loads(text) for text in self.all("Control")]
        leaves = flatten(value)
        return bool(leaves) and all(leaf in ABSENT and leaf in flatten(controls) for leaf in leaves)


ATTACKS = [Attack(path) for path in sorted(HERE.glob("attack_*.py"))]
