#!/usr/bin/env python3
"""Checks the rules of the house that no compiler knows; prints each breach with its remedy.

Layering, sizes, first comments, banned calls, places of one machine. Rules are the tables below;
each has a sample in SELF_TEST that must break it, tried before anything else. Known to ctest.
"""
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED_FOLDERS = {".git", ".venv", ".venv-check", "build", "node_modules", "__pycache__",
                   ".pytest_cache", ".cache", ".ccache"}

# folder of src/: what it may include besides itself. design.md draws it.
LAYERS = {
    "base": set(),
    "jail": {"base"},
    "zygote": {"base", "jail"},
    "sched": {"base", "jail", "zygote"},
    "http": {"base"},
    "api": {"base", "jail", "zygote", "sched", "http"},
    "app": {"base", "jail", "zygote", "sched", "http", "api"},
}

# files (regex on the path), lines at most.
SIZES = [
    (r"\.h$", 300),
    (r"\.(cc|py)$", 600),
    (r"^(serve|check|tools/[^.]+|\.ci/.*|.*\.sh)$", 200),
]
COLUMNS = (r"(\.(cc|h|py|sh|cmake)|CMakeLists\.txt)$"
           r"|^(serve|check|bench/run|tools/[^.]+|\.ci/.*)$", 100)
FILES_PER_FOLDER = ("src/", 25)  # Tests, which stand beside the code, are not counted.

# What runs between fork and exec, or in the guest's process, owns descriptors as plain numbers.
RAW_DESCRIPTORS = (r"^src/base/(unique_fd|syscall)\.cc|^src/zygote/(launcher\.cc|extension/)"
                   r"|^src/jail/(root/(build_root|bind_source)|guest/\w+|landlock)\.cc")
CXX = r"^src/.*\.(cc|h)$"
CXX_TEST = r"_test\.cc$"
FOR_TESTS = CXX_TEST + r"|_for_test\.h$"
EVERYTHING = r""
THIS_FILE = r"^tools/tidy\.py$"

# name, what is banned, files it holds for, files it does not hold for, what to do instead.
# CALLS are looked for in C++ without comments and literals, WORDS in the whole text of any file.
CALLS = [
    ("unbounded copy", r"\b(strcpy|strcat|v?sprintf|gets)\s*\(", CXX, None,
     "std::string, or snprintf with the size of the target"),
    ("system()", r"(?<![\w.>])system\s*\(", CXX, None,
     "fork and exec without a shell, and its status in a Result"),
    ("sleep in a test", r"\b(u|nano)?sleep(_for|_until)?\s*\(", CXX_TEST, None,
     "move a ManualClock, or wait for the event itself"),
    ("printing", r"\bstd::(cout|cerr|clog)\b|(?<!\w)f?printf\s*\(", CXX,
     r"^src/app/|" + CXX_TEST, "base/log.h"),
    ("raw close()", r"(?<![\w.>~:])(::)?close\s*\(\s*[^)\s]", CXX,
     RAW_DESCRIPTORS + "|" + CXX_TEST, "UniqueFd"),
    ("using namespace", r"\busing\s+namespace\b", CXX, CXX_TEST, "the names that are needed"),
    ("assert()", r"(?<!\w)assert\s*\(", CXX, None, "CHECK: it is on in release too"),
]
WORDS = [
    ("FIXME", r"\bFIXME\b", EVERYTHING, THIS_FILE, "mend it, or open an issue: TODO(topic)"),
    ("TODO without topic", r"\bTODO\b(?!\([\w-]+\))", EVERYTHING, THIS_FILE,
     "TODO(topic): ..."),
    ("path of one machine", r"(?<![\w.$}])/(work|farm|Users)/|/bash_jobs\b", EVERYTHING, THIS_FILE,
     "a path relative to the repository"),
    ("tab", r"\t", r"\.(cc|h|py|md|txt|cmake|json|yml|yaml)$", None, "spaces"),
]


def without_comments_and_literals(text):
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    blank = lambda match: "\n" * match.group().count("\n") or " "
    return re.sub(pattern, blank, text, flags=re.S)


def first_comment_breach(path, text):
    lines = text.splitlines() + ["", ""]
    if path.endswith(".h"):
        if lines[0] != "#pragma once" or not lines[1].startswith("//"):
            return "begin with '#pragma once', then a // block: what this is, who may call it"
    elif path.endswith("main.cc"):
        if not lines[0].startswith("//"):
            return "begin with a // comment: what this program is"
    elif path.endswith((".py", ".sh")) or lines[0].startswith("#!"):
        first = lines[1] if lines[0].startswith("#!") else lines[0]
        if not re.match(r"#\s*\w|r?\"\"\"\w|//", first) and os.path.basename(path) != "__init__.py":
            return "begin with a comment: what this file is for"
    return None


def breaches(path, text):
    """All breaches in one file as (line, rule, remedy)."""
    found = []
    lines = text.splitlines()
    for pattern, lines_max in SIZES:
        if re.search(pattern, path) and len(lines) > lines_max:
            found.append((lines_max, "size", f"{len(lines)} lines, {lines_max} at most: split it"))
    if re.search(COLUMNS[0], path):
        found += [(n, "columns", f"{COLUMNS[1]} columns at most")
                  for n, line in enumerate(lines, 1) if len(line) > COLUMNS[1]]
    if remedy := first_comment_breach(path, text):
        found.append((1, "first comment", remedy))
    code = without_comments_and_literals(text) if re.search(CXX, path) else text
    for rules, searched in ((CALLS, code), (WORDS, text)):
        for name, pattern, where, where_not, remedy in rules:
            if not re.search(where, path) or (where_not and re.search(where_not, path)):
                continue
            found += [(searched.count("\n", 0, match.start()) + 1, name, f"instead: {remedy}")
                      for match in re.finditer(pattern, searched)]
    folder = path.split("/")[1] if re.search(CXX, path) else None
    for match in re.finditer(r'^#include "([^"/]+)/', text, flags=re.M) if folder else ():
        allowed = LAYERS.get(folder, set()) | {folder}
        if match[1] not in allowed:
            found.append((text.count("\n", 0, match.start()) + 1, "layering",
                          f"{folder} may include only {', '.join(sorted(allowed))}"))
    return found


def crowded_folders(paths):
    counts = {}
    for path in paths:
        if path.startswith(FILES_PER_FOLDER[0]) and not re.search(FOR_TESTS, path):
            folder = os.path.dirname(path)
            counts[folder] = counts.get(folder, 0) + 1
    return [(folder, count) for folder, count in counts.items() if count > FILES_PER_FOLDER[1]]


HEAD = "#pragma once\n// A thing.\n"
# path, text, the rules that it must break, in the order of lines.
SELF_TEST = [
    ("src/jail/a.h", HEAD + '#include "base/a.h"\n#include <sys/close.h>\n', []),
    ("src/jail/a.h", HEAD + '#include "sched/a.h"\n', ["layering"]),
    ("src/http/a.cc", '#include "jail/a.h"\n', ["layering"]),
    ("src/sched/a.cc", '#include "http/a.h"\n', ["layering"]),
    ("src/base/a.h", "// A thing.\n#pragma once\n", ["first comment"]),
    ("src/base/a.h", HEAD + "\n" * 300, ["size"]),
    ("src/base/a.cc", "\n" * 600, []),
    ("src/base/a.cc", "\n" * 601, ["size"]),
    ("src/base/a.cc", "int a;" + " " * 95 + "\n", ["columns"]),
    ("src/base/a.cc", "\tint a;\n", ["tab"]),
    ("src/app/main.cc", "int main() {}\n", ["first comment"]),
    ("tools/a", "#!/bin/sh\n# Does a thing.\n", []),
    ("tools/a", "#!/bin/sh\nset -e\n", ["first comment"]),
    ("tools/a.py", '"""Does a thing."""\n', []),
    ("tests/a.py", "import os\n", ["first comment"]),
    ("src/base/a.cc", "strcpy(a, b);\nsystem(a);\nassert(a);\n",
     ["unbounded copy", "system()", "assert()"]),
    ("src/base/a.cc", "// strcpy(a, b)\nauto a = \"system(\"; static_assert(1);\n", []),
    ("src/base/a_test.cc", "sleep_for(1s); usleep(1);\n", ["sleep in a test"] * 2),
    ("src/base/a.cc", "std::cout << 1; snprintf(a, 1, b);\n", ["printing"]),
    ("src/app/a.cc", "std::cout << 1;\n", []),
    ("src/sched/a.cc", "::close(fd); socket.close(); peer->close();\n", ["raw close()"]),
    ("src/base/unique_fd.cc", "::close(fd);\n", []),
    ("src/sched/a.cc", "close(fd); close(); void A::close(int b) {}\n", ["raw close()"]),
    ("src/base/a.cc", "using namespace std;\n", ["using namespace"]),
    ("src/base/a_test.cc", "using namespace std::chrono_literals;\n", []),
    ("docs/a.md", "FIXME\nTODO: a\nTODO(topic): a\n", ["FIXME", "TODO without topic"]),
    ("docs/a.md", "see /work/a, $HOME/work/ is fine\n", ["path of one machine"]),
]


def self_test():
    for path, text, expected in SELF_TEST:
        rules = [rule for _, rule, _ in sorted(breaches(path, text), key=lambda b: b[0])]
        if rules != expected:
            sys.exit(f"tidy.py: self-test: {path} {text[:60]!r} breaks {rules}, not {expected}")
    many = [f"src/base/{n}.h" for n in range(26)]
    if crowded_folders(many[1:]) or not crowded_folders(many):
        sys.exit("tidy.py: self-test: crowded folders are not found")


def project_files():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(folder, name)
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except (UnicodeDecodeError, OSError):
                continue  # A picture, or a link to nowhere: no rule is about those.


def main():
    self_test()
    files = dict(project_files())
    count = 0
    for path, text in files.items():
        for line, rule, remedy in breaches(path, text):
            print(f"{path}:{line}: {rule}: {remedy}")
            count += 1
    for folder, size in crowded_folders(files):
        print(f"{folder}: {size} files, {FILES_PER_FOLDER[1]} at most: split by noun")
        count += 1
    print(f"tidy.py: {len(files)} files, {count} breaches")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
