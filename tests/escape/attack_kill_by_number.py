# Attack: signal a process outside by its number.
# Expect: ["ESRCH", "ESRCH", "ESRCH"]
# Expect instead in tier process: ["EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "done"]
# Control-as: root


def main(pids=None):
    # In a container the service's processes, and other jobs, have small numbers.
    pids = numbers(range(2, 3000)) if pids is None else pids
    return [
        furthest((outcome(os.kill, pid, 0) for pid in pids), "ESRCH"),
        furthest((call("tgkill", pid, pid, 0) for pid in pids), "ESRCH"),
        furthest((outcome(open_and_signal, pid) for pid in pids), "ESRCH"),
    ]


def open_and_signal(pid):
    pidfd = syscall("pidfd_open", pid, 0)
    try:
        syscall("pidfd_send_signal", pidfd, 0, None, 0)
    finally:
        os.close(pidfd)


def control():
    return main([TARGET["victim"]])
