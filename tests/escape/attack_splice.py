# Attack: move pages between pipes and files without a copy.
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]


def main():
    read, write = os.pipe()
    page = ctypes.create_string_buffer(b"x" * 64)
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(page), 64)
    file = os.open("script.py", os.O_RDONLY)
    return [
        call("vmsplice", write, vector, 1, 0),
        call("splice", file, None, write, None, 16, 0),
    ]
