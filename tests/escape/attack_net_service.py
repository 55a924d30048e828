# Attack: call the service that runs it.
# Expect: "EPERM"
# Control: "done"
# Denied: ENETUNREACH its own network has no address


def main():
    return outcome(reach)


def reach():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect(("127.0.0.1", TARGET["service"]))
        s.send(b"x")
