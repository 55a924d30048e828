# Attack: make a socket that reads all packets of a card.
# Modelled on: CVE-2017-7308, CVE-2020-14386
# Expect: "EPERM"
# Control: "done"
# Control: "EAFNOSUPPORT"
# Control-as: root in net


def main():
    return outcome(socket.socket, 17, socket.SOCK_RAW, 0)
