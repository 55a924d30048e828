# Attack: send a datagram to the machine's loopback address.
# Expect: "EPERM"
# Control: "done"
# Denied: ENETUNREACH its own network has no address


def main():
    return outcome(reach)


def reach():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.connect(("127.0.0.1", TARGET["udp4"]))
        s.send(b"x")
