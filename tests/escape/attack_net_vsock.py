# Attack: make a socket to the hypervisor. Made and never connected.
# Expect: "EPERM"
# Control: "done"
# Control: "EAFNOSUPPORT"


def main():
    return outcome(socket.socket, 40, socket.SOCK_STREAM, 0)
