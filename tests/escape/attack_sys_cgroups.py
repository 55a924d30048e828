# Attack: leave its cgroup or change its limits.
# Expect: []
# Control: true
# Control-as: root


def main():
    found = []
    for folder, _, files in os.walk("/sys/fs/cgroup"):
        for name in {"cgroup.procs", "tasks", "memory.max", "pids.max"} & set(files):
            try:
                os.close(os.open(os.path.join(folder, name), os.O_WRONLY))
                found.append(os.path.join(folder, name))
            except OSError:
                pass
    return found


def control():
    return len(main()) > 0
