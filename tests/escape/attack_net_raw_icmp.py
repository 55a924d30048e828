# Attack: make a raw ICMP socket.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in net


def main():
    return outcome(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)
