# Attack: fork until the machine is full.
# Expect: [64, "EAGAIN"]
# Expect in tier process: error_type=memory_limit
# Not in gVisor: processes are counted for each user id, over the whole sandbox
# Control: 70
# Harm: [200, "done"]
# One layer: the count is kept for each user namespace: one wall; the clock ends the job


import time


def main():
    count = 1
    while count < 200:  # Enough to tell, and harmless where a wall is left out.
        try:
            if os.fork() == 0:
                time.sleep(30)
        except OSError as error:
            return [count, errno.errorcode[error.errno]]
        count += 1
    time.sleep(1)  # Tier process counts now and then.
    return [count, "done"]


def control():
    # Bounded: seventy children that exit at once.
    pids = []
    for _ in range(70):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        pids.append(pid)
    return sum(os.waitpid(pid, 0)[1] == 0 for pid in pids)
