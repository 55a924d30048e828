# Attack: read and write memory by process_vm_readv and writev.
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# One layer: what it reads is its own: others are out of sight, and Landlock forbids them too


def main():
    source, target = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    local = (ctypes.c_uint64 * 2)(ctypes.addressof(target), 8)
    remote = (ctypes.c_uint64 * 2)(ctypes.addressof(source), 8)
    return [
        call("process_vm_readv", os.getpid(), local, 1, remote, 1, 0),
        call("process_vm_writev", os.getpid(), local, 1, remote, 1, 0),
    ]
