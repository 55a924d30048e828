# Attack: connect by sending: MSG_FASTOPEN needs no connect().
# Expect: "EPERM"
# Control: "done"
# Denied: ENETUNREACH its own network has no address


def main():
    return outcome(reach)


def reach():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.sendto(b"x", 0x20000000, ("127.0.0.1", TARGET["tcp4"]))
