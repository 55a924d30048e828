# Attack: signal to another job by flock() on a file that both can read.
# Expect: "EPERM"
# Control: "EAGAIN"
# Meanwhile: hold
# One layer: one bit between two jobs that both want to talk; no namespace has ever covered locks


import json
import time


def hold():
    file = os.open(json.__file__, os.O_RDONLY)
    call("flock", file, 2)  # LOCK_EX
    tell_ready()
    time.sleep(1)


def main():
    return call("flock", os.open(json.__file__, os.O_RDONLY), 6)  # LOCK_EX | LOCK_NB
