# Attack: list the machine's network cards.
# Expect: []
# Control: true


def main():
    try:
        return [name for _, name in socket.if_nameindex() if name != "lo"]
    except OSError:
        return []


def control():
    return any(name == "lo" for _, name in socket.if_nameindex())
