# Attack: write to memory that is mapped read-only, by way of /proc/self/mem.
# Modelled on: CVE-2016-5195
# Expect: "EACCES"
# Expect: "ENOENT"
# Expect in gVisor: "done"
# Control: "done"
# One layer: the memory is its own; that a write reached the file's pages was mended in 4.8.3


def main():
    # Opened and not written to: who has it open may write to any page of its own.
    return outcome(os.open, "/proc/self/mem", os.O_RDWR)
