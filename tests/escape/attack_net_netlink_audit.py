# Attack: talk to the kernel's audit.
# Expect: "EPERM"
# Control: "done"
# Control: "EPROTONOSUPPORT"
# Control-as: root


def main():
    return outcome(socket.socket, 16, socket.SOCK_RAW, 9)
