# Attack: fill the disk by many files.
# Expect: "ENOSPC"
# Expect in tier process: error_type=memory_limit
# Control: "done"
# One layer: RLIMIT_FSIZE bounds each file; only the tmpfs' own size bounds their sum

import time


def main(files=20, size=10 * 2**20):
    for n in range(files):
        told = outcome(write, f"file{n}", size)
        if told != "done":
            return told
    time.sleep(1)  # Where it is watched from outside, the watch may need a moment.
    return "done"


def write(name, size):
    with open(name, "wb", buffering=0) as file:
        while size > 0:
            size -= file.write(b"x" * min(size, 2**20))


def control():
    return main(files=2, size=2**20)
