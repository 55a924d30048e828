# Attack: talk to the kernel's IPsec.
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    return outcome(socket.socket, 16, socket.SOCK_RAW, 6)
