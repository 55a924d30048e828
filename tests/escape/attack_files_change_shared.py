# Attack: change modes, times, lengths or attributes of what all jobs share, opening nothing.
# Expect: []
# Control: ["chmod", "setxattr", "truncate", "utime"]
# Control: ["chmod", "truncate", "utime"]


import json

# The interpreter, the library, the service's own folder as jails, hosts and the image have it, the
# other slots' roots and folders, and whatever lies above its own.
SHARED = [os.path.realpath(sys.executable), json.__file__, "/snapjail", TARGET["library"]] + [
    "/usr/local/lib/snapjail",
    "/var/lib/snapjail/roots/0",
    "..",
    "/",
]


def main(places=SHARED):
    found = set()
    for place in places:
        inner = os.listdir(place) if os.path.isdir(place) and place in SHARED[2:5] else []
        for path in [place, os.path.dirname(place), *(os.path.join(place, one) for one in inner)]:
            found |= changes(path) if path else set()
    return sorted(found)


def control():
    open("own", "w").close()
    return main([os.path.abspath("own")])
