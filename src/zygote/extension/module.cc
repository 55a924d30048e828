// _snapjail: the extension module that PYTHON_BIN loads, in the zygote and in guests. What it
// offers to Python stands in g_methods, at the end. On the stable ABI: one build for every CPython
// from 3.9.
#include <Python.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include "base/syscall.h"
#include "jail/guest/confine_guest.h"
#include "zygote/extension/arena_region.h"
#include "zygote/extension/fill_gaps.h"
#include "zygote/extension/fork_loop.h"
#include "zygote/extension/frozen_heap.h"
#include "zygote/extension/frozen_text.h"
#include "zygote/extension/json_writer.h"
#include "zygote/protocol.h"

namespace snapjail::zygote {
namespace {

// Lives as long as the process: guests inherit it, and it says where the result goes.
jail::JailPlan g_plan;

// What this guest's job allows, from its header.
std::uint32_t g_result_bytes_max = 0;

// A frame's payload is in as many pieces at most: a fault's header, message and traceback.
constexpr std::size_t kFramePartsMax = 3;

// The process that may send frames: a script's own fork()s return through the runner too.
pid_t g_guest_pid = -1;

PyObject* raise_errno() {
    return PyErr_SetFromErrno(PyExc_OSError);
}

bool read_exactly(int fd, void* buffer, std::size_t size) {
    auto* at = static_cast<char*>(buffer);
    while (size > 0) {
        ssize_t count = ::read(fd, at, size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        at += count;
        size -= static_cast<std::size_t>(count);
    }
    return true;
}

bool write_exactly(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

// Changes `pieces`.
bool write_all(int fd, std::span<iovec> pieces) {
    while (!pieces.empty()) {
        ssize_t count = ::writev(fd, pieces.data(), static_cast<int>(pieces.size()));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        auto left = static_cast<std::size_t>(count);
        while (!pieces.empty() && left >= pieces.front().iov_len) {
            left -= pieces.front().iov_len;
            pieces = pieces.subspan(1);
        }
        if (!pieces.empty()) {
            pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + left;
            pieces.front().iov_len -= left;
        }
    }
    return true;
}

std::string_view view_of(PyObject* bytes) {
    char* data = nullptr;
    Py_ssize_t size = 0;
    if (bytes == nullptr || PyBytes_AsStringAndSize(bytes, &data, &size) != 0) {
        PyErr_Clear();
        return {};
    }
    return {data, static_cast<std::size_t>(size)};
}

template <class T>
std::string_view bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// The one frame that ends a job, and the process with it. Nothing of the interpreter's own end
// runs: no atexit, no __del__, no waiting for threads.
[[noreturn]] void send_and_exit(FrameKind kind, std::initializer_list<std::string_view> parts) {
    if (::getpid() != g_guest_pid) {
        ::_exit(0);  // A child that the script has forked: its parent sends the answer.
    }
    std::fflush(nullptr);  // What the script printed by way of C (ctypes, extensions).
    FrameHeader header{kind, 0};
    for (std::string_view part : parts) {
        header.payload_bytes += static_cast<std::uint32_t>(part.size());
    }
    // In one piece as far as the pipe takes it: the front is woken once for a small answer.
    std::array<iovec, 1 + kFramePartsMax> pieces{};
    std::size_t count = 0;
    auto add = [&](std::string_view bytes) {
        // writev() does not write to what it sends; the type lacks the const.
        pieces[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
    };
    add(bytes_of(header));
    for (std::string_view part : parts) {
        add(part);
    }
    ::_exit(write_all(g_plan.result_fd, std::span(pieces).first(count)) ? 0 : 1);
}

// run_fork_loop(on_guest): see zygote/extension/fork_loop.h.
PyObject* py_run_fork_loop(PyObject*, PyObject* on_guest) {
    run_fork_loop(g_plan, on_guest);
    return nullptr;
}

// gather_arenas(): see zygote/extension/arena_region.h. For the zygote, before its imports.
PyObject* py_gather_arenas(PyObject*, PyObject*) {
    open_arena_region();
    Py_RETURN_NONE;
}

// fill_gaps(): see zygote/extension/fill_gaps.h. For the zygote, before freeze_heap().
PyObject* py_fill_gaps(PyObject*, PyObject*) {
    fill_gaps(PyObject_Malloc);
    Py_RETURN_NONE;
}

// freeze_heap(): see zygote/extension/frozen_heap.h. For the zygote, after its last import.
PyObject* py_freeze_heap(PyObject*, PyObject*) {
    auto frozen = freeze_heap(kProcSelfFd, close_arena_region());
    if (!frozen) {
        PyErr_SetString(PyExc_OSError, frozen.error().to_string().c_str());
        return nullptr;
    }
    Py_RETURN_NONE;
}

// freeze_text(rehearse): see zygote/extension/frozen_text.h. For the zygote, after freeze_heap().
PyObject* py_freeze_text(PyObject*, PyObject* rehearse) {
    auto frozen = freeze_text(kProcSelfFd, [rehearse] {
        PyObject* result = PyObject_CallFunctionObjArgs(rehearse, nullptr);
        Py_XDECREF(result);
        return result != nullptr;
    });
    if (PyErr_Occurred() != nullptr) {
        return nullptr;  // The rehearsal's own.
    }
    if (!frozen) {
        PyErr_SetString(PyExc_OSError, frozen.error().to_string().c_str());
        return nullptr;
    }
    Py_RETURN_NONE;
}

// load_plan() -> bool: reads the jail plan; true if guests start warm.
PyObject* py_load_plan(PyObject*, PyObject*) {
    ssize_t size = ::pread(kPlanFd, &g_plan, sizeof(g_plan), 0);
    if (size != static_cast<ssize_t>(sizeof(g_plan)) ||
        g_plan.version != jail::JailPlan::kVersion) {
        PyErr_SetString(PyExc_RuntimeError, "the jail plan is not one of this build");
        return nullptr;
    }
    return PyBool_FromLong(g_plan.start == jail::GuestStart::kWarm);
}

// NumPy's bitgen_t begins so (numpy/random/bitgen.h), and of the Mersenne Twister the state is
// this. That it is so in the NumPy at hand is compared, by read_twister(), before it is relied on.
struct Twister {
    std::array<std::uint32_t, 624> key;
    std::int32_t position;
};
struct BitGenerator {
    Twister* state;
};

Twister* twister_of(PyObject* capsule) {
    auto* generator = static_cast<BitGenerator*>(PyCapsule_GetPointer(capsule, "BitGenerator"));
    return generator != nullptr ? generator->state : nullptr;
}

// read_twister(capsule) -> (bytes, int): key and position of a Mersenne Twister of NumPy's.
PyObject* py_read_twister(PyObject*, PyObject* capsule) {
    const Twister* twister = twister_of(capsule);
    if (twister == nullptr) {
        return nullptr;
    }
    return Py_BuildValue("(y#i)", reinterpret_cast<const char*>(twister->key.data()),
                         static_cast<Py_ssize_t>(sizeof(twister->key)), twister->position);
}

// reseed_twister(capsule): as seeding it with 624 random words does, in one page.
PyObject* py_reseed_twister(PyObject*, PyObject* capsule) {
    Twister* twister = twister_of(capsule);
    if (twister == nullptr) {
        return nullptr;
    }
    std::span<std::byte> bytes = std::as_writable_bytes(std::span(twister->key));
    while (!bytes.empty()) {
        ssize_t count = ::getrandom(bytes.data(), bytes.size(), 0);
        if (count < 0 && errno != EINTR) {
            return raise_errno();
        }
        bytes = bytes.subspan(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    twister->key[0] = 0x80000000U;  // Never all zeros, of which nothing else would come.
    twister->position = static_cast<std::int32_t>(twister->key.size());
    Py_RETURN_NONE;
}

// adopt(result_fd): in a cold guest, which has no plan: where the result goes.
PyObject* py_adopt(PyObject*, PyObject* number) {
    long fd = PyLong_AsLong(number);
    if (fd < 0 || ::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC) != 0) {
        return PyErr_Occurred() != nullptr ? nullptr : raise_errno();
    }
    g_plan.result_fd = static_cast<int>(fd);
    Py_RETURN_NONE;
}

// send_ready(): this guest waits for its job.
PyObject* py_send_ready(PyObject*, PyObject*) {
    if (!write_exactly(g_plan.result_fd, bytes_of(FrameHeader{FrameKind::kReady, 0}))) {
        return raise_errno();
    }
    Py_RETURN_NONE;
}

// receive_job() -> bytes: waits for the script; None if none will come. Closes the pipe.
PyObject* py_receive_job(PyObject*, PyObject*) {
    g_guest_pid = ::getpid();
    JobHeader header;
    if (!read_exactly(jail::kJobFd, &header, sizeof(header)) ||
        header.version != kProtocolVersion || header.script_bytes > kScriptBytesMax) {
        Py_RETURN_NONE;
    }
    g_result_bytes_max = header.result_bytes_max;
    PyObject* script = PyBytes_FromStringAndSize(nullptr, header.script_bytes);
    if (script == nullptr) {
        return nullptr;
    }
    if (!read_exactly(jail::kJobFd, PyBytes_AsString(script), header.script_bytes)) {
        Py_DECREF(script);
        Py_RETURN_NONE;
    }
    ::close(jail::kJobFd);
    return script;
}

// encode_json(value) -> (ending, bytes): 0 and the text; 1 and what is not JSON, where; 2: too
// large. MemoryError when memory runs out.
PyObject* py_encode_json(PyObject*, PyObject* value) {
    // Outside a job there is no limit but memory: warm-up, and wrapper.py run by hand.
    std::size_t bytes_max = g_result_bytes_max > 0 ? g_result_bytes_max : SIZE_MAX / 2;
    try {
        JsonText json = write_json(value, {.bytes_max = bytes_max});
        return Py_BuildValue("(iy#)", static_cast<int>(json.ending), json.text.data(),
                             static_cast<Py_ssize_t>(json.text.size()));
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
}

// finish_result(bytes): sends main()'s value as JSON, and ends the process.
PyObject* py_finish_result(PyObject*, PyObject* json) {
    send_and_exit(FrameKind::kResult, {view_of(json)});
}

// finish_fault(kind, message, traceback): sends what went wrong, and ends the process.
PyObject* py_finish_fault(PyObject*, PyObject* args) {
    unsigned kind = 0;
    PyObject* message = nullptr;
    PyObject* traceback = nullptr;
    if (PyArg_ParseTuple(args, "IOO", &kind, &message, &traceback) == 0) {
        return nullptr;
    }
    std::string_view text = view_of(message).substr(0, kMessageBytesMax);
    FaultHeader header{kind, static_cast<std::uint32_t>(text.size())};
    send_and_exit(FrameKind::kFault,
                  {bytes_of(header), text, view_of(traceback).substr(0, kTracebackBytesMax)});
}

PyMethodDef g_methods[] = {
    {"run_fork_loop", py_run_fork_loop, METH_O, nullptr},
    {"load_plan", py_load_plan, METH_NOARGS, nullptr},
    {"gather_arenas", py_gather_arenas, METH_NOARGS, nullptr},
    {"fill_gaps", py_fill_gaps, METH_NOARGS, nullptr},
    {"freeze_heap", py_freeze_heap, METH_NOARGS, nullptr},
    {"freeze_text", py_freeze_text, METH_O, nullptr},
    {"read_twister", py_read_twister, METH_O, nullptr},
    {"reseed_twister", py_reseed_twister, METH_O, nullptr},
    {"adopt", py_adopt, METH_O, nullptr},
    {"send_ready", py_send_ready, METH_NOARGS, nullptr},
    {"receive_job", py_receive_job, METH_NOARGS, nullptr},
    {"encode_json", py_encode_json, METH_O, nullptr},
    {"finish_result", py_finish_result, METH_O, nullptr},
    {"finish_fault", py_finish_fault, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef g_module = {
    PyModuleDef_HEAD_INIT, "_snapjail", nullptr, -1, g_methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace
}  // namespace snapjail::zygote

// CPython looks for this very name.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
PyMODINIT_FUNC PyInit__snapjail() {
    return PyModule_Create(&snapjail::zygote::g_module);
}
