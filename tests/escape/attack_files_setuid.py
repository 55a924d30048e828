# Attack: find a program that gives more rights, or keep one.
# Modelled on: CVE-2021-4034
# Expect: []
# Control: true
# One layer: it can be seen and not used: no_new_privs, and ids that are not mapped


import stat


def search(top):
    found = []
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if folder != "/" or f not in ("proc", "sys")]
        for name in files:
            path = os.path.join(folder, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(path)
    return found


def main():
    return search("/bin") + search("/usr/bin") + search("/sbin") + search("/usr/sbin")


def control():
    open("program", "w").close()
    os.chmod("program", 0o4755)
    return any(path.endswith("/program") for path in search(os.getcwd()))
