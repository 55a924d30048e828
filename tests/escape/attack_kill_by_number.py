# Attack: signal a process outside by its number.
# Expect: ["ESRCH", "ESRCH", "ESRCH"]
# Expect in tier process: ["EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "done"]
# Control-as: root


def main():
    victim = TARGET["victim"]
    return [
        outcome(os.kill, victim, 0),
        call("tgkill", victim, victim, 0),
        outcome(open_and_signal, victim),
    ]


def open_and_signal(pid):
    syscall("pidfd_send_signal", syscall("pidfd_open", pid, 0), 0, None, 0)
