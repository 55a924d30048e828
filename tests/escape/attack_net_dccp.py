# Attack: make a socket of a protocol that hardly anybody uses.
# Modelled on: CVE-2017-6074
# Expect: "EPERM"
# Control: "done"
# Control: "ESOCKTNOSUPPORT"
# Control: "EPROTONOSUPPORT"
# One layer: a socket of an empty network reaches nobody


def main():
    return outcome(socket.socket, socket.AF_INET, 6, 33)  # SOCK_DCCP, IPPROTO_DCCP
