#include "sched/import_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace snapjail::sched {
namespace {

using Names = std::vector<std::string_view>;

TEST(ImportScan, FindsEachFormOfAnImport) {
    EXPECT_EQ(find_imports("import numpy"), Names{"numpy"});
    EXPECT_EQ(find_imports("import numpy as np\n"), Names{"numpy"});
    EXPECT_EQ(find_imports("import os.path, json as j , re\n"), (Names{"os", "json", "re"}));
    EXPECT_EQ(find_imports("from pandas.core import frame"), Names{"pandas"});
    EXPECT_EQ(find_imports("from  json import (\n    loads,\n)"), Names{"json"});
    EXPECT_EQ(find_imports("def main():\n\timport csv\n    import uuid\r\n"),
              (Names{"csv", "uuid"}));
    EXPECT_EQ(find_imports("import os; import numpy;from a import b"), (Names{"os", "numpy", "a"}));
    EXPECT_EQ(find_imports("import h\xc3\xa9"), Names{"h\xc3\xa9"});
}

TEST(ImportScan, NamesEachModuleOnce) {
    EXPECT_EQ(find_imports("import a\nimport b\nfrom a import c\nimport a.d"), (Names{"a", "b"}));
}

TEST(ImportScan, WhatIsNoImportNamesNothing) {
    for (const char* script : {"", "\n\n", "important = 1", "x = 'import'", "# import numpy",
                               "from . import sibling", "from .a import b", "import", "import ,",
                               "importlib.import_module('x')", "frome x", "print(1)"}) {
        EXPECT_EQ(find_imports(script), Names{}) << script;
    }
}

TEST(ImportScan, LooksForNoMoreThanItsBound) {
    std::string script;
    for (int i = 0; i < 100; ++i) {
        script += "import m" + std::to_string(i) + "\n";
    }

    EXPECT_EQ(find_imports(script).size(), kImportsMax);
    EXPECT_EQ(find_imports(script).back(), "m63");
}

}  // namespace
}  // namespace snapjail::sched
