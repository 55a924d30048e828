# Attack: send a byte out of band over a socket pair, which hardly anybody does.
# Modelled on: CVE-2025-38236
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# Control: ["ENOTSUP", "ENOTSUP"]
# One layer: the pair is its own, the bug was mended in 6.16, and nobody needs this


def main():
    ours, theirs = socket.socketpair()
    return [
        outcome(ours.send, b"x", socket.MSG_OOB),
        outcome(ours.sendmsg, [b"x"], [], socket.MSG_OOB),
    ]
