// The rlimit_* fields, of each process, and the cgroup_* fields, of a job as a whole; whether this
// host can keep those is for `serve` and `run` to say. See settings_reader.h.
#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "jail/nsjail/settings_reader.h"

namespace snapjail::jail::nsjail {
namespace {

constexpr std::uint64_t kMiB = 1ull << 20;
// Below 1 TiB. That and more is a number of bytes: 1048576 is one MiB of them.
constexpr std::uint64_t kMiBMax = kMiB - 1;

enum class Infinity : unsigned char { kRefused, kAllowed };

struct Row {
    const char* name;  // The field; the type's is name + "_type".
    int resource;
    std::uint64_t unit;
    const char* unit_name;
    std::uint64_t at_least;
    std::uint64_t at_most;
    Infinity infinity;
    std::uint64_t Limits::*target;  // nullptr: always zero, or not bytes (the CPU time).
};

constexpr auto kRows = std::to_array<Row>({
    // NumPy's libraries alone reserve some 200 MiB.
    {"rlimit_as", RLIMIT_AS, kMiB, " MiB", 256, kMiBMax, Infinity::kRefused,
     &Limits::memory_bytes_max},
    {"rlimit_core", RLIMIT_CORE, kMiB, " MiB", 0, 0, Infinity::kRefused, nullptr},
    {"rlimit_cpu", RLIMIT_CPU, 1, " s", 1, 3600, Infinity::kRefused, nullptr},
    {"rlimit_fsize", RLIMIT_FSIZE, kMiB, " MiB", 1, kMiBMax, Infinity::kAllowed,
     &Limits::file_bytes_max},
    {"rlimit_nofile", RLIMIT_NOFILE, 1, "", 16, 4096, Infinity::kRefused, &Limits::open_files_max},
    {"rlimit_nproc", RLIMIT_NPROC, 1, "", 1, 4096, Infinity::kRefused, &Limits::processes_max},
    {"rlimit_stack", RLIMIT_STACK, kMiB, " MiB", 1, kMiBMax, Infinity::kRefused,
     &Limits::stack_bytes_max},
    {"rlimit_memlock", RLIMIT_MEMLOCK, 1024, " KiB", 0, 1ull << 30, Infinity::kRefused,
     &Limits::locked_bytes_max},
    {"rlimit_rtprio", RLIMIT_RTPRIO, 1, "", 0, 0, Infinity::kRefused, nullptr},
    {"rlimit_msgqueue", RLIMIT_MSGQUEUE, 1, " bytes", 0, 1ull << 30, Infinity::kRefused,
     &Limits::message_queue_bytes_max},
});

class RlimitReader {
  public:
    RlimitReader(ConfigText& text, Limits& limits) : text_(text), limits_(limits) {}

    void read(const Row& row) {
        const auto& config = text_.config;
        const auto* reflection = config.GetReflection();
        const auto* field = config.GetDescriptor()->FindFieldByName(row.name);
        std::string type_name = std::string(row.name) + "_type";
        const auto* type_field = config.GetDescriptor()->FindFieldByName(type_name);
        bool has_value = reflection->HasField(config, field);
        bool has_type = reflection->HasField(config, type_field);
        int type = reflection->GetEnumValue(config, type_field);
        std::uint64_t value = reflection->GetUInt64(config, field);
        if (has_value && type != ::nsjail::VALUE) {
            text_.diagnostics.warning(
                text_.places->of(row.name),
                has_type ? std::string(row.name) + " is ignored, because " + type_name + " is " +
                               type_field->enum_type()->FindValueByNumber(type)->name()
                         : std::string(row.name) + " is ignored unless " + type_name +
                               ": VALUE stands beside it, in nsjail too");
        }
        if (type == ::nsjail::VALUE && has_value) {
            take_value(row, value);
        } else if (type == ::nsjail::VALUE && has_type) {
            text_.diagnostics.note(text_.places->of(type_name),
                                   "without " + std::string(row.name) +
                                       " the built-in limit stays: " + shown(row, current(row)));
        } else if (has_type && type == ::nsjail::INF) {
            take_infinity(row, type_name);
        } else if (has_type) {
            take_own(row, type_name, type == ::nsjail::SOFT);
        }
    }

  private:
    void take_value(const Row& row, std::uint64_t value) {
        Position at = text_.places->of(row.name);
        std::string name(row.name);
        if (row.unit == kMiB && row.at_most > 0 && value > kMiBMax) {
            text_.diagnostics.error(at, name + " counts MiB, and " + std::to_string(value) +
                                            " MiB are 1 TiB or more; were bytes meant? Then " +
                                            advise(row, value));
            return;
        }
        if (value < row.at_least || value > row.at_most) {
            text_.diagnostics.error(
                at, row.at_most == 0 ? name + " can only be 0 here"
                                     : name + " must be from " + std::to_string(row.at_least) +
                                           " to " + std::to_string(row.at_most) + row.unit_name);
            return;
        }
        set(row, value * row.unit);
    }

    // rlimit_as: 268435456 is all over the world, and means no limit at all. What is advised is
    // within the bounds, even if the bytes are not.
    static std::string advise(const Row& row, std::uint64_t bytes) {
        std::string name(row.name);
        std::uint64_t whole = bytes / kMiB + (bytes % kMiB > 0 ? 1 : 0);
        if (whole > row.at_most) {
            return "say how many MiB";
        }
        if (whole < row.at_least) {
            return "say " + name + ": " + std::to_string(row.at_least) +
                   ", the least with which Python starts";
        }
        return "say " + name + ": " + std::to_string(whole);
    }

    void take_infinity(const Row& row, const std::string& type_name) {
        Position at = text_.places->of(type_name);
        if (row.infinity == Infinity::kRefused) {
            text_.diagnostics.error(
                at, type_name + ": INF is no limit, and Snapjail keeps one; " +
                        (row.at_most == 0 ? "remove the line"
                                          : "say " + std::string(row.name) + ": NUMBER"));
            return;
        }
        text_.diagnostics.note(at, "a file may be as large as the tmpfs that it is in");
        set(row, RLIM_INFINITY);
    }

    // nsjail takes the limit of who starts it. Never more than ours: it is mostly unlimited.
    void take_own(const Row& row, const std::string& type_name, bool is_soft) {
        rlimit own{};
        ::getrlimit(static_cast<__rlimit_resource_t>(row.resource), &own);
        std::uint64_t limit = is_soft ? own.rlim_cur : own.rlim_max;
        limit = std::max(std::min(limit, current(row)), row.at_least * row.unit);
        set(row, limit);
        text_.diagnostics.warning(
            text_.places->of(type_name),
            type_name +
                " takes the service's own limit, here at most the built-in one; to choose "
                "one say " +
                std::string(row.name) + ": NUMBER " + type_name + ": VALUE");
    }

    std::uint64_t current(const Row& row) const {
        if (row.target != nullptr) {
            return limits_.*row.target;
        }
        return row.resource == RLIMIT_CPU ? static_cast<std::uint64_t>(limits_.cpu_time_max.count())
                                          : 0;
    }
    void set(const Row& row, std::uint64_t value) {
        if (row.target != nullptr) {
            limits_.*row.target = value;
        } else if (row.resource == RLIMIT_CPU) {
            limits_.cpu_time_max = std::chrono::seconds(static_cast<std::int64_t>(value));
        }
    }
    static std::string shown(const Row& row, std::uint64_t value) {
        return std::to_string(value / row.unit) + row.unit_name;
    }

    ConfigText& text_;
    Limits& limits_;
};

// A guest that waits has some 10 MB of its own; imports need more. Below, megabytes were meant.
constexpr std::uint64_t kMemoryBytesMin = std::uint64_t{16} << 20;
constexpr std::uint64_t kMemoryBytesMax = std::uint64_t{1} << 40;  // 1 TiB: a slip of the pen.
constexpr std::uint32_t kCpuMsMax = 1024 * 1000;                   // As many processors.

class CgroupReader {
  public:
    CgroupReader(ConfigText& text, FileSettings& settings)
        : text_(text), config_(text.config), settings_(settings) {}

    void read() {
        if (config_.cgroup_mem_max() > 0) {
            read_memory();
        }
        read_swap();
        if (config_.cgroup_cpu_ms_per_sec() > kCpuMsMax) {
            error("cgroup_cpu_ms_per_sec",
                  "cgroup_cpu_ms_per_sec must be from 1 to 1024000, 1000 for each processor");
        } else {
            settings_.jail.cpu_ms_per_second = config_.cgroup_cpu_ms_per_sec();
        }
    }

  private:
    void error(const char* field, const std::string& text) {
        text_.diagnostics.error(text_.places->of(field, -1), text);
    }

    void read_memory() {
        std::uint64_t bytes = config_.cgroup_mem_max();
        if (bytes < kMemoryBytesMin) {
            bool is_so_many_mib =
                bytes * kMiB >= kMemoryBytesMin && bytes * kMiB <= kMemoryBytesMax;
            error("cgroup_mem_max",
                  "cgroup_mem_max counts bytes, and no guest starts with " + std::to_string(bytes) +
                      (is_so_many_mib ? "; were MiB meant? Then say cgroup_mem_max: " +
                                            std::to_string(bytes * kMiB)
                                      : "; say 16777216 at least"));
        } else if (bytes > kMemoryBytesMax) {
            error("cgroup_mem_max", "cgroup_mem_max must be at most 1099511627776 bytes, 1 TiB");
        } else {
            settings_.jail.cgroup_memory_bytes_max = bytes;
        }
    }

    // Version 1 counts memory and swap together, version 2 apart; nsjail takes one or the other.
    void read_swap() {
        std::int64_t swap = config_.cgroup_mem_swap_max();
        std::uint64_t both = config_.cgroup_mem_memsw_max();
        if (both > 0 && swap >= 0) {
            error("cgroup_mem_memsw_max",
                  "cgroup_mem_memsw_max and cgroup_mem_swap_max exclude each other; keep one");
        } else if (both > 0 && both < config_.cgroup_mem_max()) {
            error("cgroup_mem_memsw_max",
                  "cgroup_mem_memsw_max is memory and swap together: at least cgroup_mem_max");
        } else if (both > 0 && config_.cgroup_mem_max() == 0) {
            error("cgroup_mem_memsw_max", "cgroup_mem_memsw_max needs a cgroup_mem_max beside it");
        } else if (swap > static_cast<std::int64_t>(kMemoryBytesMax) ||
                   both > 2 * kMemoryBytesMax) {
            error(both > 0 ? "cgroup_mem_memsw_max" : "cgroup_mem_swap_max",
                  "swap must be at most 1099511627776 bytes, 1 TiB");
        } else if (both > 0) {
            settings_.jail.cgroup_swap_bytes_max = both - config_.cgroup_mem_max();
        } else if (swap > 0) {
            settings_.jail.cgroup_swap_bytes_max = static_cast<std::uint64_t>(swap);
        }
    }

    ConfigText& text_;
    const ::nsjail::NsJailConfig& config_;
    FileSettings& settings_;
};

}  // namespace

void read_rlimits(ConfigText& text, Limits& limits) {
    RlimitReader reader(text, limits);
    for (const Row& row : kRows) {
        reader.read(row);
    }
}

void read_cgroups(ConfigText& text, FileSettings& settings) {
    CgroupReader(text, settings).read();
}

}  // namespace snapjail::jail::nsjail
