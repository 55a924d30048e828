# Attack: ask a name server: a question carries data out. It is the test's own listener.
# Expect: "EPERM"
# Control: "done"
# Denied: ENETUNREACH its own network has no address


def main():
    return outcome(ask)


def ask():
    question = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x06secret\x04test\0\0\1\0\1"
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(question, ("127.0.0.1", TARGET["udp4"]))
