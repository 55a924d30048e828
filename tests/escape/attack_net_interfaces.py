# Attack: list network cards.
# Expect: []
# Control: true
# One layer: what it would list is the one card of its own empty network


def main():
    try:
        return [name for _, name in socket.if_nameindex()]
    except OSError:
        return []


def control():
    return "lo" in main()
