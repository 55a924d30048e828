# Attack: count events of the machine.
# Modelled on: CVE-2013-2094
# Expect: "EPERM"
# Control: "done"
# Control: "ENOENT"
# Control: "EACCES"
# Control-as: root
# One layer: the kernel's own perf_event_paranoid refuses it as well, by default


def main():
    attributes = ctypes.create_string_buffer(128)
    attributes[0:8] = b"\1\0\0\0\x80\0\0\0"  # PERF_TYPE_SOFTWARE, 128 bytes
    return call("perf_event_open", attributes, 0, -1, -1, 0)
