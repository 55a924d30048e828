# Attack: talk to the kernel's routing table.
# Modelled on: CVE-2022-2588
# Expect: "EPERM"
# Control: "done"
# One layer: what it talks to is its own empty network


def main():
    return outcome(socket.socket, 16, socket.SOCK_RAW, 0)
