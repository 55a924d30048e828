# Attack: pass a descriptor within the job: allowed, and only its own can be passed.
# Expect: "passed"
# Control: "passed"
# Fails anyway: it is no harm: what must work, with all walls as well


import array


def main():
    one, other = socket.socketpair()
    read, write = os.pipe()
    one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [write]))])
    _, ancillary, _, _ = other.recvmsg(1, 64)
    os.write(array.array("i", ancillary[0][2][:4])[0], b"passed")
    return os.read(read, 10).decode()
