# Attack: talk to the kernel's nf_tables.
# Modelled on: CVE-2022-34918, CVE-2023-32233
# Expect: "EPERM"
# Control: "done"
# Control: "EPROTONOSUPPORT"
# Control-as: root
# One layer: what it talks to is its own empty network


def main():
    return outcome(socket.socket, 16, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
