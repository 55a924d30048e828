# Attack: outlive its parent, by taking back the signal that it gets when that dies.
# Expect: "EPERM"
# Control: "done"
# One layer: its pid namespace ends with it; in tier process orphans are adopted and ended


def main():
    return call("prctl", 1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG
