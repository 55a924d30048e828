# Attack: read the service's secrets from one's own environment.
# Expect: []
# Control: true

# What every job is given: docs/api.md. An operator's configuration may add to it.
GIVEN = {"PATH", "HOME", "TMPDIR", "LANG", "USER", "PYTHONDONTWRITEBYTECODE", "MPLCONFIGDIR"} | {
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "MALLOC_ARENA_MAX",
}


def main():
    told = {os.fsdecode(name) for name in os.environb}
    for process in ("self", "1", "thread-self"):
        try:
            with open(f"/proc/{process}/environ") as file:
                told |= {entry.partition("=")[0] for entry in file.read().split("\0") if entry}
        except OSError:
            pass
    return sorted(told - GIVEN)


def control():
    return "SECRET_CANARY" in main()
