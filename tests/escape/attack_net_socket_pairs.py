# Attack: get a socket by socketpair() that is no pipe: of another family, or of datagrams.
# Expect: ["done", "done", "EPERM", "EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "done", "ENOTSUP", "ENOTSUP", "EAFNOSUPPORT"]
# Control: ["done", "done", "done", "ENOTSUP", "ENOTSUP", "ENOTSUP"]
# Control: ["done", "done", "done", "ENOTSUP", "ENOTSUP", "done"]
# One layer: a datagram socket reaches names in its own network namespace only, which is empty


def main():
    unix = (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM)
    families = (socket.AF_INET, socket.AF_NETLINK, 30)
    return [outcome(socket.socketpair, socket.AF_UNIX, kind) for kind in unix] + [
        outcome(socket.socketpair, family, socket.SOCK_DGRAM) for family in families
    ]
