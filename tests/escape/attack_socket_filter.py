# Attack: give the kernel a program to run, by way of a socket pair's filter.
# Expect: ["EPERM", "EPERM", "EPERM"]
# Control: ["done", "EBADF", "done"]
# One layer: anybody may filter a socket of their own; refused is a part of the kernel to attack

import struct

SO_ATTACH_FILTER, SO_LOCK_FILTER, SO_ATTACH_BPF = 26, 44, 50

def main():
    ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)[0]
    ret_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xFFFF))
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(ret_all))
    return [
        outcome(ours.setsockopt, socket.SOL_SOCKET, SO_ATTACH_FILTER, program),
        outcome(ours.setsockopt, socket.SOL_SOCKET, SO_ATTACH_BPF, 10**6),
        outcome(ours.setsockopt, socket.SOL_SOCKET, SO_LOCK_FILTER, 1),
    ]
