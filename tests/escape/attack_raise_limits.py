# Attack: raise its own limits.
# Expect: []
# Control: true
# Fails anyway: without the layer rlimits there is no limit of the jail's to raise


import resource

NAMES = (
    "AS",
    "CPU",
    "NPROC",
    "NOFILE",
    "FSIZE",
    "CORE",
    "STACK",
    "MEMLOCK",
    "NICE",
    "RTPRIO",
    "MSGQUEUE",
)


def main():
    raised = []
    for name in NAMES:
        limit = getattr(resource, "RLIMIT_" + name)
        hard = resource.getrlimit(limit)[1]
        try:
            resource.setrlimit(limit, (hard, -1 if hard == -1 else hard + 1))
        except (OSError, ValueError):
            continue
        if hard != -1:
            raised.append(name)
    return raised


def control():
    # Up to the hard limit everybody may.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
