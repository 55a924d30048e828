# Attack: keep a secret for a later job in a keyring: those are in no namespace.
# Modelled on: CVE-2016-0728
# Expect: ["EPERM", "EPERM", "EPERM"]
# Control: ["done", "done", "ENOKEY"]
# One layer: its user namespace has keyrings of its own, and the process's own goes with it


def main():
    return [
        call("add_key", b"user", b"left", b"x", 1, -2),  # KEY_SPEC_PROCESS_KEYRING
        call("keyctl", 0, -2, 1),  # KEYCTL_GET_KEYRING_ID
        call("request_key", b"user", b"no-such-key", None, 0),
    ]
