# Attack: reach the host's files through another process's root.
# Expect: "ENOENT"
# Expect in tier process: "EACCES"
# Control: "done"
# Control-as: root


def main():
    return furthest(outcome(os.listdir, f"/proc/{pid}/root/") for pid in numbers())


def control():
    return outcome(os.listdir, f"/proc/{TARGET['victim']}/root/")
