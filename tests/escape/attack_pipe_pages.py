# Attack: make pipes large, so that the pages that all jobs' pipes may have together are used up.
# Expect: "EPERM"
# Control: "done"
# One layer: takes from others the size of their pipes, never a pipe; the kernel counts by user id


import fcntl

F_SETPIPE_SZ = 1031


def main():
    return outcome(fcntl.fcntl, os.pipe()[1], F_SETPIPE_SZ, 2**20)
