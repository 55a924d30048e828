# Attack: get a socket by socketpair() of a family that is no pipe.
# Expect: ["done", "EPERM", "EPERM", "EPERM"]
# Control: ["done", "ENOTSUP", "ENOTSUP", "EAFNOSUPPORT"]
# Control: ["done", "ENOTSUP", "ENOTSUP", "ENOTSUP"]
# Control: ["done", "ENOTSUP", "ENOTSUP", "done"]


def main():
    families = (socket.AF_UNIX, socket.AF_INET, socket.AF_NETLINK, 30)
    return [outcome(socket.socketpair, family, socket.SOCK_DGRAM) for family in families]
