# Attack: share memory, semaphores and messages by System V keys.
# Expect: ["EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "done"]
# Control-as: root in ipc
# One layer: in an ipc namespace of its own there is nobody to share with


def main():
    return [
        call("shmget", 0x5EC2, 4096, 0o1666),
        call("semget", 0x5EC2, 1, 0o1666),
        call("msgget", 0x5EC2, 0o1666),
    ]
