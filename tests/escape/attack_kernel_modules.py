# Attack: load or unload a kernel module. Outside, ENOENT: it was let try; ENOSYS: there are none.
# Expect: ["EPERM", "EPERM"]
# Control: ["ENOENT", "EFAULT"]
# Control: ["ENOSYS", "ENOSYS"]
# Control: ["ENOENT", "EPERM"]
# Control: ["ENOENT", "ENOEXEC"]
# Control-as: root


def main():
    return [
        call("delete_module", b"no_such_module", 0x800),
        call("init_module", None, 64, b""),
    ]
