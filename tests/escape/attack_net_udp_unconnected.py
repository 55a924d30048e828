# Attack: send a datagram without connecting.
# Expect: "EPERM"
# Control: "done"
# Denied: ENETUNREACH its own network has no address


def main():
    return outcome(reach)


def reach():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", TARGET["udp4"]))
