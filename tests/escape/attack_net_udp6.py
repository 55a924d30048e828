# Attack: send a datagram to the machine's IPv6 loopback address.
# Expect: "EPERM"
# Control: "done"
# Denied: EADDRNOTAVAIL its own network has no address


def main():
    return outcome(reach)


def reach():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.connect(("::1", TARGET["udp6"]))
        s.send(b"x")
