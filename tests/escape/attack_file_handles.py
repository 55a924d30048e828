# Attack: open a file by a handle that it made up, whatever the path.
# Modelled on: the "shocker" escape of 2014
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# Control-as: root
# Harm: ["done", "done"]


def main():
    handle = ctypes.create_string_buffer(136)
    handle[0:4] = b"\x80\0\0\0"  # 128 bytes of room.
    mount = ctypes.c_int()
    named = call("name_to_handle_at", -100, b".", handle, ctypes.byref(mount), 0)
    fd = os.open(".", os.O_RDONLY)
    return [named, call("open_by_handle_at", fd, handle, 0)]
