# Attack: see any process but one's own.
# Expect: []
# Expect in tier process: error_type=exception
# Control: true
# One layer: the names of processes: their memory and environment the ids and Landlock keep


def main():
    if not os.path.isdir("/proc"):
        return []
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    return sorted(pids - {os.getpid()})


def control():
    return TARGET["victim"] in main()
