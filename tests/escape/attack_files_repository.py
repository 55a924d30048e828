# Attack: read the service's own sources, settings and other jobs' roots, which may lie beside it.
# Expect: []
# Control: true
# One layer: what it could read is what every user of the machine can


PLACES = [
    os.path.join(TARGET["repository"], "tests", "pytest.ini"),
    "/etc/snapjail/python.cfg",  # These two are in the image.
    "/var/lib/snapjail/roots/0/etc/passwd",
]


def main():
    return [place for place in PLACES if outcome(open, place) == "done"]


def control():
    return PLACES[0] in main()
