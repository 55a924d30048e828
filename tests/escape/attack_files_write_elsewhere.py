# Attack: write anywhere but in /tmp.
# Expect: []
# Control: ["."]


def main(
    places=("/", "/usr", "/etc", "/bin", "/lib", "/var/tmp", "/dev", "/home", "/root", "/run")
):
    found = []
    for place in places:
        try:
            open(os.path.join(place, ".written"), "w").close()
            found.append(place)
        except OSError:
            pass
    return found


def control():
    return main(["."])
