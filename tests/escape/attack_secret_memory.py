# Attack: keep memory that not even the kernel can read.
# Expect: "EPERM"
# Expect: "ENOSYS"
# Control: "done"
# Control: "ENOSYS"


def main():
    return call("memfd_secret", 0)
