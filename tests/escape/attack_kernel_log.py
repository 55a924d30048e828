# Attack: read the kernel's log.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    return call("syslog", 3, ctypes.create_string_buffer(4096), 4096)
