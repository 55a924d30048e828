# Attack: read the service's own sources, which may lie beside its Python.
# Expect: false
# Control: true


def main():
    return os.path.exists(os.path.join(TARGET["repository"], "tests", "pytest.ini"))
