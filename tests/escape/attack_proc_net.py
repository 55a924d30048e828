# Attack: see the machine's connections and listeners.
# Expect: false
# Control: true


def main():
    return any(sees_a_socket(f"/proc/net/{name}") for name in ("tcp", "tcp6", "udp", "unix"))


def sees_a_socket(path):
    # Wherever it runs the service itself listens: without a wall there is one to see.
    try:
        with open(path) as file:
            return len(file.read().splitlines()) > 1
    except OSError:
        return False
