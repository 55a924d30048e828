# Attack: end its parent, the zygote.
# Expect: [0, "done"]
# Expect: [0, "ESRCH"]
# Expect: [0, "EPERM"]
# Control: true


def main():
    # Parent 0 is nobody in this namespace; kill(0, ...) is its own group, and PID 1 lives on.
    return [os.getppid(), outcome(os.kill, os.getppid(), 15)]


def control():
    return os.getppid() > 1
