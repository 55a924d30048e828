# Attack: look into /sys: devices, cgroups, network cards.
# Expect: "ENOENT"
# Expect: "EACCES"
# Control: "done"
# One layer: a read-only look at what every user of the machine may see


def main():
    return outcome(os.listdir, "/sys/class")
