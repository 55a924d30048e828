# Attack: connect to a TCP listener on the machine's IPv6 loopback address.
# Expect: "EPERM"
# Control: "done"
# Denied: EADDRNOTAVAIL its own network has no address


def main():
    return outcome(reach)


def reach():
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect(("::1", TARGET["tcp6"]))
        s.send(b"x")
