"""An attack_*.py as data: what its head says, how it is sent, and whether it was stopped.

The head of each:
    # Attack: one sentence.
    # Modelled on: CVE-2019-5736   where it follows a published one: its entry, no exploit
    # Expect: "EPERM"              the JSON of main()'s value in the jail; several: any of them
    # Expect: error_type=signal    or the job ends so
    # Expect in tier process: ...  as well, where /health says that this is the tier
    # Expect in gVisor: ...        as well, where /health says that this is the kernel
    # Not in gVisor: why           skipped there, aloud
    # Control: "done"              the JSON of control()'s value outside, of main()'s without one
    # Control-as: root             or: root in mount uts, namespaces of its own; there an ordinary
                                   user's will do, unless it is: the host's root in mount
    # First: leave                 jobs that call leave() run before
    # Meanwhile: hold              a job that calls hold() runs at the same time
    # Only: x86_64
    # Harm: [200, "done"]          the value that says it came through, where that is not plain
    # Needs: pid namespace         with walls off it is tried only where one of these stands
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
FIELD = re.compile(r"# ([A-Z][A-Za-z]+(?:-as| on| in tier process| in gVisor| layer)?): (.*)")


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

    def is_for_this_machine(self):
        return self.one("Only") in ("", platform.machine())

    def check_kernel(self, kernel):
        if kernel == "gvisor" and self.one("Not in gVisor"):
            pytest.skip(f"gVisor: {self.one('Not in gVisor')}")

    def check_architecture(self):
        if not self.is_for_this_machine():
            pytest.skip(f"an attack on {self.one('Only')}, this is {platform.machine()}")

    def expected(self, tier="full", kernel="linux"):
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
        if value in controls and not set(map(str, leaves)) <= ABSENT:
            return True
        expectations = [
            flatten(json.loads(text)) for text in self.all("Expect") if "error_type" not in text
        ]
        for at, leaf in enumerate(leaves):
            allowed = [leaves_then[at] for leaves_then in expectations if at < len(leaves_then)]
            is_plain_denial = isinstance(leaf, str) and leaf.startswith("E") and leaf.isupper()
            if leaf not in allowed and not is_plain_denial:
                return True
        return False


ATTACKS = [Attack(path) for path in sorted(HERE.glob("attack_*.py"))]
