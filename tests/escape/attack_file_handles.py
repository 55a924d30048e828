# Attack: open a file by a handle that it made up, whatever the path.
# Expect: ["EPERM", "EPERM"]
# Control: ["done", "done"]
# Control-as: root


def main():
    handle = ctypes.create_string_buffer(136)
    handle[0:4] = b"\x80\0\0\0"  # 128 bytes of room.
    mount = ctypes.c_int()
    named = call("name_to_handle_at", -100, b"script.py", handle, ctypes.byref(mount), 0)
    fd = os.open(".", os.O_RDONLY)
    return [named, call("open_by_handle_at", fd, handle, 0)]
