# Attack: reach the host's files through one's own magic links.
# Expect: [false, false]
# Control: true
# Control-as: root
# One layer: it is its own root: without a mount namespace there is none


def main():
    return [
        os.path.exists("/proc/self/root" + TARGET["secret"]),
        os.path.exists("/proc/1/root" + TARGET["secret"]),
    ]


def control():
    return main()[0]
