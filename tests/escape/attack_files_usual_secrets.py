# Attack: find what containers hold for their owners: tokens, sockets, keys.
# Expect: []
# Expect in tier process: error_type=exception
# Control: true
# Control-as: root
# One layer: what only root may read the ids keep; the rest is every user's to read


PLACES = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "/run/secrets",
    "/.dockerenv",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/ssh",
    "/etc/machine-id",
    "/etc/resolv.conf",
    "/root/.ssh",
    "/home",
    "/var/log",
    "/proc/kcore",
    "/boot",
]


def main():
    return [place for place in PLACES if os.path.exists(place) and not is_empty(place)]


def is_empty(place):
    return os.path.isdir(place) and not os.listdir(place)


def control():
    return "/etc/shadow" in main()
