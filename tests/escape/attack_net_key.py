# Attack: make a socket of the old IPsec interface.
# Expect: "EPERM"
# Control: "done"
# Control: "EAFNOSUPPORT"
# Control: "EPROTONOSUPPORT"
# Control-as: root in net


def main():
    return outcome(socket.socket, 15, socket.SOCK_RAW, 2)
