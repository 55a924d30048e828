# Attack: turn address randomization off for what it starts.
# Expect: "EPERM"
# Control: "done"
# One layer: it makes its own addresses predictable


def main():
    return call("personality", 0x0040000)
