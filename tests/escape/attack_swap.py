# Attack: make the machine swap. ENOENT outside: it was let try.
# Expect: "EPERM"
# Control: "ENOENT"
# Control-as: root


def main():
    return call("swapon", b"/no/such/file", 0)
