# Attack: open a port of its own, for others to connect to.
# Expect: "EPERM"
# Control: "done"


def main():
    return outcome(socket.create_server, ("127.0.0.1", 0))
