# Attack: change the limits of a process outside.
# Expect: "ESRCH"
# Expect instead in tier process: "EPERM"
# Control: "done"
# Control-as: root
# One layer: guests have one id outside, so without it a job may read and lower what others may have


def main(pids=None):
    old = (ctypes.c_uint64 * 2)()
    pids = numbers(range(2, 3000)) if pids is None else pids
    return furthest((call("prlimit64", pid, 7, None, old) for pid in pids), "ESRCH")


def control():
    return main([TARGET["victim"]])
