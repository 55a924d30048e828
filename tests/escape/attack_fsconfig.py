# Attack: set parameters of a file system that is not mounted yet.
# Modelled on: CVE-2022-0185
# Expect: "EPERM"
# Control: "done"
# Control-as: root in mount


def main():
    return outcome(configure)


def configure():
    context = syscall("fsopen", b"tmpfs", 0)
    syscall("fsconfig", context, 1, b"mode", b"0755", 0)  # FSCONFIG_SET_STRING
