# Attack: read a secret from another process's environment.
# Expect: false
# Expect in tier process: error_type=exception
# Control: true
# Control-as: root


def main():
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if b"VICTIM_SECRET=" in file.read():
                    return True
        except OSError:
            pass
    return False
