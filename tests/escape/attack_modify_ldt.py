# Attack: change its segment table.
# Expect: "EPERM"
# Control: "done"
# Only: x86_64
# One layer: it changes its own process, through kernel code that few have looked at


def main():
    return call("modify_ldt", 0, ctypes.create_string_buffer(64), 64)
