# Attack: read the service's own sources, which may lie beside its Python.
# Expect: false
# Control: true
# One layer: what it could read is what every user of the machine can


def main():
    return os.path.exists(os.path.join(TARGET["repository"], "tests", "pytest.ini"))
