# Attack: end every process there is: only its own may be hit.
# Expect: "its own"
# Control: "its own"
# Harm: "nobody"
# Needs: pid namespace, user namespace


import signal
import time


def main(everybody=-1):
    pid = os.fork()
    if pid == 0:
        time.sleep(30)
    try:
        os.kill(pid if everybody is None else everybody, signal.SIGKILL)
    except PermissionError:
        return "its own"  # Not even that.
    return "its own" if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9 else "nobody"


def control():
    return main(everybody=None)  # Its own child alone: outside, everybody is everybody.
