# Attack: change the kernel's settings.
# Expect: true
# Control: "done"
# Control-as: root


DENIALS = {"ENOENT", "EACCES", "EPERM", "EROFS"}


def main():
    # Opened and not written to: what cannot be opened cannot be written.
    files = ("kernel/core_pattern", "kernel/hostname", "vm/overcommit_memory", "kernel/modprobe")
    told = {outcome(os.open, f"/proc/sys/{file}", os.O_WRONLY) for file in files}
    told.add(outcome(os.open, "/proc/sysrq-trigger", os.O_WRONLY))
    return told <= DENIALS


def control():
    return outcome(os.open, "/proc/sys/kernel/core_pattern", os.O_WRONLY)
