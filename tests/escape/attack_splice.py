# Attack: move pages between pipes and files without a copy.
# Modelled on: CVE-2022-0847
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# One layer: it moves what it may read to where it may write; the bug was mended in 5.16.11


def main():
    read, write = os.pipe()
    page = ctypes.create_string_buffer(b"x" * 64)
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(page), 64)
    file = os.open(os.path.realpath(sys.executable), os.O_RDONLY)
    return [
        call("vmsplice", write, vector, 1, 0),
        call("splice", file, None, write, None, 16, 0),
    ]
