# Attack: signal to another job by flock() on a file that both can read.
# Expect: "EPERM"
# Control: "EAGAIN"
# Meanwhile: hold
# Holds: "EPERM"
# One layer: one bit between two jobs that both want to talk; no namespace has ever covered locks


import json


def hold():
    file = os.open(json.__file__, os.O_RDONLY)
    return stay(call("flock", file, 2))  # LOCK_EX


def main():
    return call("flock", os.open(json.__file__, os.O_RDONLY), 6)  # LOCK_EX | LOCK_NB
