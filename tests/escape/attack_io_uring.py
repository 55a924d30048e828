# Attack: do by io_uring what the filter forbids as system calls.
# Modelled on: CVE-2021-41073
# Expect: "EPERM"
# Control: "done"


def main():
    return call("io_uring_setup", 4, ctypes.create_string_buffer(120))
