# Attack: open the machine's devices.
# Expect: []
# Expect in tier process: error_type=exception
# Control: true
# One layer: names can be seen; opening what they stand for is Landlock's and the ids' to refuse


HARMLESS = {"null", "zero", "full", "random", "urandom", "fd", "stdin", "stdout", "stderr", "shm"}


def main():
    return sorted(set(os.listdir("/dev")) - HARMLESS)


def control():
    return len(main()) > 0
