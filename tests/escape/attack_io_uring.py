# Attack: do by io_uring what the filter forbids as system calls.
# Modelled on: CVE-2021-41073
# Expect: "EPERM"
# Control: "done"
# Denied: ENOMEM RLIMIT_MEMLOCK is 0, and its rings are locked memory


def main():
    return call("io_uring_setup", 4, ctypes.create_string_buffer(120))
