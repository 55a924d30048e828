# Attack: see the machine's connections and listeners.
# Expect: false
# Control: true


def main():
    try:
        with open("/proc/net/tcp") as file:
            return f":{TARGET['tcp4']:04X} " in file.read()
    except OSError:
        return False
