# Attack: write into another process's memory.
# Expect: "ENOENT"
# Expect: "EACCES"
# Control: "done"
# Control-as: root


def main():
    return outcome(os.open, f"/proc/{TARGET['victim']}/mem", os.O_RDWR)
