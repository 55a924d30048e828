#include "zygote/extension/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <new>
#include <string_view>
#include <unordered_set>

namespace snapjail::zygote {
namespace {

struct Decref {
    void operator()(PyObject* object) const { Py_DECREF(object); }
};
using Owned = std::unique_ptr<PyObject, Decref>;

constexpr std::size_t kShownKeyBytesMax = 64;  // Of a key, in a path that is shown to the user.

// What to do about a type that JSON does not have. An empty `module` fits any, an empty `type` too.
struct Remedy {
    std::string_view module;
    std::string_view type;
    std::string_view advice;
};
constexpr auto kRemedies = std::to_array<Remedy>({
    {"numpy", "ndarray", "use .tolist()"},
    {"numpy", "", "use .item()"},
    {"pandas", "DataFrame", "use .to_dict()"},
    {"pandas", "Series", "use .to_dict() or .tolist()"},
    {"pandas", "NAType", "use None"},
    {"pandas", "NaTType", "use None"},
    {"pandas", "Timestamp", "use .isoformat()"},
    {"pandas", "Timedelta", "use .isoformat()"},
    {"pandas", "", "use .tolist() or .to_dict()"},
    {"", "set", "use sorted() or list()"},
    {"", "frozenset", "use sorted() or list()"},
    {"", "bytes", "use .decode()"},
    {"", "bytearray", "use .decode()"},
    {"", "datetime", "use .isoformat()"},
    {"", "date", "use .isoformat()"},
    {"", "time", "use .isoformat()"},
    {"", "Decimal", "use float() or str()"},
    {"", "Fraction", "use float() or str()"},
    {"", "complex", "use [z.real, z.imag]"},
    {"", "generator", "use list()"},
    {"", "range", "use list()"},
    {"", "dict_keys", "use list()"},
    {"", "dict_values", "use list()"},
    {"", "dict_items", "use list()"},
    {"", "map", "use list()"},
    {"", "filter", "use list()"},
    {"", "zip", "use list()"},
    {"", "coroutine", "await it"},
    {"", "UUID", "use str()"},
    {"", "PosixPath", "use str()"},
});

// A type's __name__ or __module__ as text, "" if it is none. By the descriptor of `type` itself:
// the attribute could be a property of a metaclass of the script's, and asking for it would run
// that.
std::string type_text(PyObject* value, const char* attribute) {
    Owned slots(PyObject_GetAttrString(reinterpret_cast<PyObject*>(&PyType_Type), "__dict__"));
    Owned slot(slots ? PyMapping_GetItemString(slots.get(), attribute) : nullptr);
    Owned text(slot ? PyObject_CallMethod(slot.get(), "__get__", "(O)", Py_TYPE(value)) : nullptr);
    Owned bytes(text && PyUnicode_Check(text.get())
                    ? PyUnicode_AsEncodedString(text.get(), "utf-8", "replace")
                    : nullptr);
    PyErr_Clear();
    return bytes ? std::string(PyBytes_AsString(bytes.get())).substr(0, kShownKeyBytesMax) : "";
}

// After a call of CPython's that has failed: for any other reason than want of memory.
void clear_error() {
    if (PyErr_ExceptionMatches(PyExc_MemoryError) != 0) {
        PyErr_Clear();
        throw std::bad_alloc();
    }
    PyErr_Clear();
}

std::string describe_type(PyObject* value) {
    std::string name = type_text(value, "__name__");
    std::string module = type_text(value, "__module__");
    for (const Remedy& remedy : kRemedies) {
        bool module_fits = remedy.module.empty() || module == remedy.module ||
                           module.starts_with(std::string(remedy.module) + ".");
        if (module_fits && (remedy.type.empty() || remedy.type == name)) {
            return name + "; " + std::string(remedy.advice);
        }
    }
    return name.empty() ? "object" : name;
}

class Writer {
  public:
    explicit Writer(JsonLimits limits) : limits_(limits) {}

    JsonText finish(bool written) && {
        if (written) {
            return {JsonEnding::kWritten, std::move(out_)};
        }
        if (is_too_large_) {
            return {JsonEnding::kTooLarge, ""};
        }
        std::size_t advice = problem_.find("; ");
        std::string what = problem_.substr(0, advice);
        std::string rest = advice == std::string::npos ? "" : problem_.substr(advice);
        return {JsonEnding::kNotJson, what + " at $" + path_ + rest};
    }

    // False: `problem_` says why, `path_` where.
    bool write(PyObject* value, int depth) {
        if (out_.size() > limits_.bytes_max) {
            is_too_large_ = true;
            return false;
        }
        if (value == Py_None) {
            return append("null");
        }
        if (value == Py_True) {
            return append("true");
        }
        if (value == Py_False) {
            return append("false");
        }
        if (PyUnicode_Check(value)) {
            return write_string(value);
        }
        if (PyLong_Check(value)) {
            return write_integer(value);
        }
        if (PyFloat_Check(value)) {
            return write_float(value);
        }
        if (depth >= limits_.depth_max &&
            (PyDict_Check(value) || PyList_Check(value) || PyTuple_Check(value))) {
            return refuse("a value nested too deeply (more than " +
                          std::to_string(limits_.depth_max) + " levels)");
        }
        if (PyDict_Check(value)) {
            return write_dict(value, depth);
        }
        if (PyList_Check(value) || PyTuple_Check(value)) {
            return write_sequence(value, depth);
        }
        return refuse(describe_type(value));
    }

    bool is_within_limit() {
        is_too_large_ = is_too_large_ || out_.size() > limits_.bytes_max;
        return !is_too_large_;
    }

  private:
    bool append(std::string_view text) {
        out_ += text;
        return true;
    }

    bool refuse(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }

    bool write_string(PyObject* value) {
        Owned bytes(PyUnicode_AsUTF8String(value));
        if (!bytes) {
            clear_error();
            return refuse("a str with a lone surrogate, which is not Unicode text");
        }
        char* data = nullptr;
        Py_ssize_t size = 0;
        PyBytes_AsStringAndSize(bytes.get(), &data, &size);
        if (static_cast<std::size_t>(size) > limits_.bytes_max) {
            is_too_large_ = true;
            return false;
        }
        append_quoted({data, static_cast<std::size_t>(size)});
        return true;
    }

    void append_quoted(std::string_view text) {
        constexpr std::string_view kHex = "0123456789abcdef";
        out_ += '"';
        std::size_t plain = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            auto byte = static_cast<unsigned char>(text[i]);
            if (byte >= 0x20 && byte != '"' && byte != '\\') {
                continue;
            }
            out_ += text.substr(plain, i - plain);
            plain = i + 1;
            out_ += '\\';
            switch (byte) {
                case '"':
                case '\\':
                    out_ += static_cast<char>(byte);
                    break;
                case '\n':
                    out_ += 'n';
                    break;
                case '\r':
                    out_ += 'r';
                    break;
                case '\t':
                    out_ += 't';
                    break;
                default:
                    out_ += "u00";
                    out_ += kHex[byte >> 4];
                    out_ += kHex[byte & 15];
            }
        }
        out_ += text.substr(plain);
        out_ += '"';
    }

    bool write_integer(PyObject* value) {
        int overflow = 0;
        long long small = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow == 0) {
            std::array<char, 24> digits{};
            auto end = std::to_chars(digits.data(), digits.data() + digits.size(), small).ptr;
            return append({digits.data(), static_cast<std::size_t>(end - digits.data())});
        }
        Owned text(PyNumber_ToBase(value, 10));
        Owned bytes(text ? PyUnicode_AsUTF8String(text.get()) : nullptr);
        if (!bytes) {
            clear_error();
            return refuse("an int with more digits than sys.get_int_max_str_digits() allows");
        }
        return append(PyBytes_AsString(bytes.get()));
    }

    bool write_float(PyObject* value) {
        double number = PyFloat_AsDouble(value);
        if (!std::isfinite(number)) {
            return refuse(std::isnan(number) ? "NaN, which JSON does not have"
                                             : "an infinite float, which JSON does not have");
        }
        // 'r': the shortest text that reads back as the same double, as repr() gives.
        char* text = PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr);
        if (text == nullptr) {
            PyErr_Clear();
            throw std::bad_alloc();
        }
        out_ += text;
        PyMem_Free(text);
        return true;
    }

    bool write_sequence(PyObject* value, int depth) {
        bool is_list = PyList_Check(value);
        Py_ssize_t size = is_list ? PyList_Size(value) : PyTuple_Size(value);
        out_ += '[';
        for (Py_ssize_t i = 0; i < size; ++i) {
            if (i > 0) {
                out_ += ',';
            }
            PyObject* item = is_list ? PyList_GetItem(value, i) : PyTuple_GetItem(value, i);
            if (!write(item, depth + 1)) {
                path_.insert(0, "[" + std::to_string(i) + "]");
                return false;
            }
        }
        out_ += ']';
        return true;
    }

    bool write_dict(PyObject* value, int depth) {
        // A dict keeps its keys apart, but only as Python compares them: 1 and "1" are one key in
        // JSON, and a subclass of str may hash as it likes.
        std::unordered_set<std::string> seen;
        bool must_compare = !has_only_plain_keys(value);
        PyObject* key = nullptr;
        PyObject* item = nullptr;
        Py_ssize_t position = 0;
        bool is_first = true;
        out_ += '{';
        while (PyDict_Next(value, &position, &key, &item)) {
            if (!is_first) {
                out_ += ',';
            }
            is_first = false;
            std::size_t key_start = out_.size();
            if (!write_key(key)) {
                return false;
            }
            std::size_t key_size = out_.size() - key_start;
            if (must_compare && !seen.insert(out_.substr(key_start)).second) {
                return refuse("a dict with two keys that are the same in JSON (" +
                              out_.substr(key_start, kShownKeyBytesMax) + ")");
            }
            out_ += ':';
            if (!write(item, depth + 1)) {
                path_.insert(0, path_step(out_.substr(key_start, key_size)));
                return false;
            }
        }
        out_ += '}';
        return true;
    }

    static bool has_only_plain_keys(PyObject* dict) {
        PyObject* key = nullptr;
        Py_ssize_t position = 0;
        while (PyDict_Next(dict, &position, &key, nullptr)) {
            if (!PyUnicode_CheckExact(key)) {
                return false;
            }
        }
        return true;
    }

    // As Python's json does: str as it is; bool, None, int and float by their JSON text.
    bool write_key(PyObject* key) {
        if (PyUnicode_Check(key)) {
            return write_string(key);
        }
        bool is_scalar = key == Py_None || PyLong_Check(key) || PyFloat_Check(key);
        if (!is_scalar) {
            return refuse("a dict key of type " + type_text(key, "__name__") + "; use str()");
        }
        out_ += '"';
        bool ok = write(key, 0);
        out_ += '"';
        return ok;
    }

    // `quoted` is the key as written: "name" becomes .name, anything else ["any thing"].
    static std::string path_step(std::string quoted) {
        std::string_view inner(quoted.data() + 1, quoted.size() - 2);
        bool is_name = !inner.empty() && (inner[0] < '0' || inner[0] > '9');
        for (char c : inner) {
            is_name = is_name && (c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                                  (c >= 'A' && c <= 'Z'));
        }
        if (is_name && inner.size() <= kShownKeyBytesMax) {
            return "." + std::string(inner);
        }
        if (quoted.size() > kShownKeyBytesMax) {
            quoted.resize(kShownKeyBytesMax);
            // Not in the middle of a character: UTF-8's continuation bytes are 10xxxxxx.
            while (!quoted.empty() && (static_cast<unsigned char>(quoted.back()) & 0x80) != 0) {
                quoted.pop_back();
            }
            quoted += "...\"";
        }
        return "[" + quoted + "]";
    }

    JsonLimits limits_;
    std::string out_;
    std::string path_;
    std::string problem_;
    bool is_too_large_ = false;
};

}  // namespace

JsonText write_json(PyObject* value, JsonLimits limits) {
    Writer writer(limits);
    bool written = writer.write(value, 0) && writer.is_within_limit();
    return std::move(writer).finish(written);
}

}  // namespace snapjail::zygote
