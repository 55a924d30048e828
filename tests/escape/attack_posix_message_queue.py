# Attack: leave a message for a later job in a POSIX queue.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in ipc
# Denied: EMFILE RLIMIT_MSGQUEUE is 0


def main():
    return call("mq_open", TARGET["token"].encode(), 0o102, 0o600, None)
