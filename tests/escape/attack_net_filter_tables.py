# Attack: replace the tables of the packet filter. Outside, ENOPROTOOPT: there is none to replace.
# Modelled on: CVE-2021-22555
# Expect: "EPERM"
# Control: "done"
# Control: "EINVAL"
# Control: "EFAULT"
# Control: "ENOPROTOOPT"
# Control-as: root in net


def main():
    return outcome(replace)


def replace():
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        s.setsockopt(socket.IPPROTO_IP, 64, b"")  # IPT_SO_SET_REPLACE, of nothing
