# Attack: reach the host's files through one's own magic links.
# Expect: []
# Control: true
# Control-as: root
# One layer: it is its own root: what there is to read every user of the machine may read


def main():
    links = ["/proc/self/root", "/proc/1/root"]
    paths = [link + path for link in links for path in files_of_the_machine()]
    return [path for path in paths if outcome(open, path) == "done"]


def control():
    return "/proc/self/root" + TARGET["secret"] in main()
