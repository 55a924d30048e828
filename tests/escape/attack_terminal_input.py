# Attack: type into the terminal of whoever started the service.
# Modelled on: CVE-2017-5226
# Expect: true
# Control: true
# Control-as: root
# Fails anyway: the service has no terminal, and no guest a descriptor of one


import fcntl

TIOCSTI = 0x5412


def main():
    # None of its descriptors is a terminal, and the request itself is not let through.
    told = {outcome(fcntl.ioctl, fd, TIOCSTI, b"x") for fd in range(3)}
    told.add(outcome(type_into_console))
    return told <= {"ENOTTY", "EPERM", "EACCES", "ENOENT", "ENXIO"}


def type_into_console():
    fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), TIOCSTI, b"x")


def control():
    return outcome(fcntl.ioctl, os.openpty()[1], TIOCSTI, b"x") == "done"
