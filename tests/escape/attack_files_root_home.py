# Attack: look into root's home.
# Expect: "ENOENT"
# Expect: "EACCES"
# Expect: "empty"
# Control: "done"
# Control-as: root


def main():
    try:
        return "done" if os.listdir("/root") else "empty"
    except OSError as error:
        return errno.errorcode[error.errno]
