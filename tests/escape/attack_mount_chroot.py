# Attack: chroot, and climb out of it by a descriptor kept outside.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    os.makedirs("inner", exist_ok=True)
    return call("chroot", b"inner")
