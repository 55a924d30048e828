# Attack: trace, which lets a child's system calls be changed after the filter saw them.
# Modelled on: CVE-2019-13272
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# One layer: what it traces is its own child, behind the same walls


def main():
    pid = os.fork()
    if pid == 0:
        import time

        time.sleep(0.2)
        os._exit(0)
    seized = call("ptrace", 0x4206, pid, 0, 0)  # PTRACE_SEIZE
    os.waitpid(pid, 0)
    return [seized, outcome(trace_me)]


def trace_me():
    pid = os.fork()
    if pid == 0:
        try:
            syscall("ptrace", 0, 0, 0, 0)  # PTRACE_TRACEME
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise OSError(status, "PTRACE_TRACEME")
