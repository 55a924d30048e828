# Attack: make a socket of any family at all.
# Expect: []
# Control: [1, 2, 16]
# One layer: a socket of an empty network reaches nobody


def main(families=range(1, 64)):
    found = set()
    for family in families:
        for kind in (1, 2, 3, 5):
            try:
                socket.socket(family, kind, 0).close()
                found.add(family)
            except OSError:
                pass
    return sorted(found)


def control():
    return main([1, 2, 16])
