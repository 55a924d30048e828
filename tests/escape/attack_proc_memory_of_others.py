# Attack: write into another process's memory.
# Expect: "ENOENT"
# Expect in tier process: "EACCES"
# Control: "done"
# Control-as: root


def main():
    return furthest(outcome(os.open, f"/proc/{pid}/mem", os.O_RDWR) for pid in numbers())


def control():
    return outcome(os.open, f"/proc/{TARGET['victim']}/mem", os.O_RDWR)
