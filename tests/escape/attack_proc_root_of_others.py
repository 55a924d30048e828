# Attack: reach the host's files through another process's root.
# Expect: "ENOENT"
# Expect: "EACCES"
# Control: "done"
# Control-as: root


def main():
    return outcome(os.listdir, f"/proc/{TARGET['victim']}/root/")
