# Attack: make a socket to the kernel's ciphers.
# Modelled on: CVE-2026-31431
# Expect: "EPERM"
# Control: "done"
# Control: "EAFNOSUPPORT"


def main():
    return outcome(socket.socket, 38, socket.SOCK_SEQPACKET, 0)
