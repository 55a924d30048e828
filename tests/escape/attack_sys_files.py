# Attack: look into /sys: devices, cgroups, network cards.
# Expect: "ENOENT"
# Expect: "EACCES"
# Control: "done"


def main():
    return outcome(os.listdir, "/sys/class")
