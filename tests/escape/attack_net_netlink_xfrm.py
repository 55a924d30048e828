# Attack: talk to the kernel's IPsec.
# Modelled on: CVE-2017-7184
# Expect: "EPERM"
# Control: "done"
# Control-as: root
# One layer: what it talks to is its own empty network


def main():
    return outcome(socket.socket, 16, socket.SOCK_RAW, 6)
