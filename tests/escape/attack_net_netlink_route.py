# Attack: talk to the kernel's routing table.
# Expect: "EPERM"
# Control: "done"


def main():
    return outcome(socket.socket, 16, socket.SOCK_RAW, 0)
