# Attack: resolve through the C library, with addresses in numbers so that nobody is asked.
# Expect: ["127.0.0.1"]
# Control: ["127.0.0.1"]
# Fails anyway: it is no harm: what must work, with all walls as well


def main():
    # Numbers need no network; it must work, and within the time of a function call.
    found = socket.getaddrinfo("127.0.0.1", 80, proto=socket.IPPROTO_TCP)
    return [address[4][0] for address in found]
