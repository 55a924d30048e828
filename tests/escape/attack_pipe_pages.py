# Attack: make pipes large, so that the pages that all jobs' pipes may have together are used up.
# Expect: "EPERM"
# Control: "done"
# One layer: takes from others the size of their pipes, never a pipe: past its count the kernel gives one page for each; it counts by user id, and no namespace divides that


import fcntl

F_SETPIPE_SZ = 1031


def main():
    return outcome(fcntl.fcntl, os.pipe()[1], F_SETPIPE_SZ, 2**20)
