# Attack: end its parent, the zygote.
# Expect: "nobody"
# Expect in tier process: "EPERM"
# Control: true


def main():
    # Parent 0 is somebody outside of its namespace, whom it cannot name.
    return outcome(os.kill, os.getppid(), 15) if os.getppid() else "nobody"


def control():
    return os.getppid() > 1
