# Attack: reach the host's files through one's own magic links.
# Expect: []
# Control: true
# Control-as: root
# One layer: it is its own root: without a mount namespace there is none


def main():
    links = ["/proc/self/root", "/proc/1/root"]
    paths = [link + path for link in links for path in files_of_the_machine()]
    return [path for path in paths if outcome(open, path) == "done"]


def control():
    return "/proc/self/root" + TARGET["secret"] in main()
