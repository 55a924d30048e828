# Attack: have the kernel signal somebody else when a pipe is written to.
# Expect: "EPERM"
# Control: "done"
# Denied: ESRCH its pid namespace has no such process


import fcntl


def main(pid=2):
    return outcome(fcntl.fcntl, os.pipe()[0], fcntl.F_SETOWN, pid)


def control():
    return main(os.getpid())
