# Attack: run before everybody else.
# Expect: true
# Expect in gVisor: false
# Control: ["done", "done", "done"]
# Control-as: root


def main():
    return set(attempts()) <= {"EPERM", "EACCES"}


def attempts():
    return [
        outcome(os.nice, -20),
        call("setpriority", 0, 0, -20),
        call("sched_setscheduler", 0, 1, (ctypes.c_int * 1)(1)),  # SCHED_FIFO
    ]


def control():
    return attempts()
