# Attack: make a socket to the hypervisor. Made and never connected.
# Modelled on: CVE-2021-26708
# Expect: "EPERM"
# Control: "done"
# Control: "EAFNOSUPPORT"
# One layer: vsock is in no namespace: where the host has it, the filter is what stands before it


def main():
    return outcome(socket.socket, 40, socket.SOCK_STREAM, 0)
