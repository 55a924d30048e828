# Attack: change its segment table.
# Expect: "EPERM"
# Control: "done"
# Only: x86_64


def main():
    return call("modify_ldt", 0, ctypes.create_string_buffer(64), 64)
