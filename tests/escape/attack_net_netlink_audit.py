# Attack: talk to the kernel's audit.
# Expect: "EPERM"
# Control: "done"
# Control: "EPROTONOSUPPORT"
# Control-as: root
# One layer: a socket alone: to be listened to wants a capability in the first namespaces


def main():
    return outcome(socket.socket, 16, socket.SOCK_RAW, 9)
