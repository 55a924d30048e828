# Attack: read the service's secrets from one's own environment.
# Expect: false
# Control: true


def main():
    told = repr(os.environ)
    for name in ("self", "1", "thread-self"):
        try:
            with open(f"/proc/{name}/environ") as file:
                told += file.read()
        except OSError:
            pass
    return "SECRET_CANARY" in told
