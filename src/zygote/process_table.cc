#include "zygote/process_table.h"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/syscall.h"

namespace snapjail::zygote {
namespace {

constexpr std::size_t kFileBytesMax = 8192;
constexpr std::size_t kChildrenBytesMax = std::size_t{1} << 20;
constexpr std::uint64_t kKiB = 1024;

// The first number after "NAME:" at the start of a line.
std::optional<std::uint64_t> number_of(std::string_view text, std::string_view name) {
    std::string key = "\n" + std::string(name) + ":";
    std::size_t at = text.find(key);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    at = text.find_first_of("0123456789", at + key.size());
    std::uint64_t value = 0;
    if (at == std::string_view::npos ||
        std::from_chars(text.data() + at, text.data() + text.size(), value).ec != std::errc()) {
        return std::nullopt;
    }
    return value;
}

std::string path_of(pid_t pid, const char* name) {
    return "/proc/" + std::to_string(pid) + "/" + name;
}

std::vector<pid_t> numbered_entries(const std::string& path) {
    std::vector<pid_t> numbers;
    std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
        std::string_view name(entry->d_name);
        pid_t number = 0;
        auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc() && end == name.data() + name.size()) {
            numbers.push_back(number);
        }
    }
    return numbers;
}

// Where the kernel keeps no lists (CONFIG_PROC_CHILDREN; all distributions do): look at everybody.
std::vector<pid_t> children_by_search(pid_t parent) {
    std::vector<pid_t> children;
    for (pid_t pid : numbered_entries("/proc")) {
        if (read_process(pid).parent == parent) {
            children.push_back(pid);
        }
    }
    return children;
}

bool has_memory(std::string_view status) {
    return status.find("\nVmRSS:") != std::string_view::npos;
}

// The first thread has ended, others run: one of those, and its status.
void find_holder(ProcessRow& row, std::string& status) {
    for (pid_t task : numbered_entries(path_of(row.pid, "task"))) {
        auto text = read_file(path_of(task, "status"), kFileBytesMax);
        if (text && has_memory(*text)) {
            row.holder = task;
            status = std::move(*text);
            return;
        }
    }
}

// A process's children are those of its threads.
std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> children;
    const std::string tasks = path_of(parent, "task");
    for (pid_t task : numbered_entries(tasks)) {
        auto text = read_file(tasks + "/" + std::to_string(task) + "/children", kChildrenBytesMax);
        if (!text && text.error().sys_errno == ENOENT && parent == task) {
            return children_by_search(parent);
        }
        const char* at = text ? text->data() : nullptr;
        const char* end = text ? at + text->size() : nullptr;
        while (at < end) {
            pid_t pid = 0;
            at = std::from_chars(at, end, pid).ptr + 1;
            if (pid != 0) {
                children.push_back(pid);
            }
        }
    }
    return children;
}

}  // namespace

ProcessRow read_process(pid_t pid) {
    auto text = read_file(path_of(pid, "status"), kFileBytesMax);
    if (!text) {
        return {};
    }
    ProcessRow row{.pid = pid,
                   .parent = static_cast<pid_t>(number_of(*text, "PPid").value_or(0)),
                   .holder = pid,
                   .threads = static_cast<std::uint32_t>(number_of(*text, "Threads").value_or(0))};
    if (row.threads > 1 && !has_memory(*text)) {
        find_holder(row, *text);
    }
    auto bytes = [&](const char* name) { return number_of(*text, name).value_or(0) * kKiB; };
    row.anonymous_bytes = bytes("RssAnon") + bytes("VmSwap");
    row.shared_bytes = bytes("RssShmem");
    return row;
}

std::vector<pid_t> read_own_children() {
    return children_of(::getpid());
}

std::vector<ProcessRow> read_process_tree(pid_t root) {
    std::vector<ProcessRow> rows;
    std::vector<pid_t> pending{root};
    while (!pending.empty()) {
        pid_t pid = pending.back();
        pending.pop_back();
        ProcessRow row = read_process(pid);
        if (row.pid == 0) {
            continue;
        }
        rows.push_back(row);
        for (pid_t child : children_of(pid)) {
            pending.push_back(child);
        }
    }
    return rows;
}

ProportionalBytes proportional_bytes(pid_t pid) {
    auto text = read_file(path_of(pid, "smaps_rollup"), kFileBytesMax);
    if (!text) {
        return {};
    }
    return {.anonymous = number_of(*text, "Pss_Anon").value_or(0) * kKiB,
            .shared = number_of(*text, "Pss_Shmem").value_or(0) * kKiB};
}

}  // namespace snapjail::zygote
