# Attack: turn address randomization off for what it starts.
# Expect: "EPERM"
# Control: "done"


def main():
    return call("personality", 0x0040000)
