# Attack: keep memory that not even the kernel can read.
# Expect: "EPERM"
# Expect: "ENOSYS"
# Control: "done"
# Control: "ENOSYS"
# One layer: it hides its own memory, and RLIMIT_MEMLOCK bounds it


def main():
    return call("memfd_secret", 0)
