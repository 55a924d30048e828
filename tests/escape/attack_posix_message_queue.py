# Attack: leave a message for a later job in a POSIX queue.
# Expect: "EPERM"
# Control: "done"
# Control-as: root in ipc


def main():
    return call("mq_open", TARGET["token"].encode(), 0o102, 0o600, None)
