"""What the reference starts in its jail: runs /tmp/script.py, writes main()'s value beside it."""

import json

namespace = {"__name__": "script"}
with open("/tmp/script.py", encoding="utf-8") as file:
    exec(compile(file.read(), "/tmp/script.py", "exec"), namespace)
value = namespace["main"]()
with open("/tmp/result.json", "w", encoding="utf-8") as file:
    json.dump(value, file)
