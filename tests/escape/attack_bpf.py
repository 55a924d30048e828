# Attack: load a BPF program or map.
# Modelled on: CVE-2017-16995, CVE-2020-8835
# Expect: "EPERM"
# Control: "done"
# Control-as: root


def main():
    attributes = (ctypes.c_uint32 * 18)(2, 4, 4, 1)  # An array map of one element.
    return call("bpf", 0, attributes, 72)
