# Attack: learn by other processes' CPU clocks that they are there, and when they work.
# Expect: "EINVAL"
# Control: "done"
# One layer: how busy others are: their clocks can be read, and nothing else of them


def main(pids=None):
    # EINVAL: there is no such process.
    pids = numbers(range(2, 3000)) if pids is None else pids
    told = {call("clock_gettime", clock_of(pid), (ctypes.c_int64 * 2)()) for pid in pids}
    return furthest(told - {"EINVAL"}, "EINVAL")


def clock_of(pid):
    return (~pid << 3) | 2  # CPUCLOCK_SCHED of the whole process.


def control():
    return main([TARGET["victim"]])
