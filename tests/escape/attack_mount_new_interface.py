# Attack: mount by the new system calls, which old filters do not know.
# Expect: ["EPERM", "EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "EBADF", "EINVAL"]
# Control: ["done", "done", "EBADF", "done"]
# Control-as: the host's root in mount


def main():
    attributes = (ctypes.c_uint64 * 4)(1, 0, 0, 0)  # MOUNT_ATTR_RDONLY
    return [
        call("fsopen", b"tmpfs", 0),
        call("open_tree", -100, b"/", 1),  # AT_FDCWD, OPEN_TREE_CLONE
        call("move_mount", 4000, b"", -100, b"/tmp", 4),
        call("mount_setattr", -100, b"/tmp", 0, attributes, 32),
    ]
