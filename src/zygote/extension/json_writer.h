#pragma once
// write_json: a Python value as strict JSON (RFC 8259), without running any code of the guest's:
// subclasses of dict, list, tuple, str, int and float count as their base value, and no method of
// theirs is called. Digits of integers are exact; NaN, infinities and lone surrogates are refused.
//
// On CPython's stable ABI (3.9). With the GIL held.

#include <Python.h>

#include <cstddef>
#include <string>

namespace snapjail::zygote {

struct JsonLimits {
    std::size_t bytes_max = 0;
    int depth_max = 1000;  // Where Python's own json module gives up, within a few.
};

enum class JsonEnding { kWritten, kNotJson, kTooLarge };

struct JsonText {
    JsonEnding ending = JsonEnding::kWritten;
    // kWritten: the text. kNotJson: what stands where, and the remedy: "set at $.a[3]; use
    // sorted()".
    std::string text;
};

// Throws std::bad_alloc, and nothing else, when memory runs out: it is the guest's own limit.
JsonText write_json(PyObject* value, JsonLimits limits);

}  // namespace snapjail::zygote
