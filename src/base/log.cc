#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <iterator>
#include <memory>
#include <string>

namespace snapjail::log {
namespace {

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::kDebug:
            return spdlog::level::debug;
        case Level::kInfo:
            return spdlog::level::info;
        case Level::kWarning:
            return spdlog::level::warn;
        case Level::kError:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

// Bytes outside printable ASCII are escaped one by one: a log line stays one line and valid JSON
// whatever a field holds.
void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte >= 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_value(std::string& out, const Field& field) {
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
        append_json_string(out, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
        out += std::to_string(*number);
    } else if (const auto* real = std::get_if<double>(&field.value)) {
        // JSON has no NaN and no infinity.
        if (std::isfinite(*real)) {
            fmt::format_to(std::back_inserter(out), "{:.3f}", *real);
        } else {
            out += "null";
        }
    }
}

}  // namespace

void start(std::string_view component, Level lowest) {
    auto logger = std::make_shared<spdlog::logger>(
        "snapjail", std::make_shared<spdlog::sinks::stderr_sink_st>());
    logger->set_level(to_spdlog(lowest));
    // UTC: local time would make the front open /etc/localtime, and it may open nothing.
    logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","component":")" + std::string(component) +
            R"(",%v})",
        spdlog::pattern_time_type::utc));
    logger->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    spdlog::logger* logger = spdlog::default_logger_raw();
    if (!logger->should_log(to_spdlog(level))) {
        return;
    }
    std::string line = "\"event\":";
    append_json_string(line, event);
    for (const Field& field : fields) {
        line += ',';
        append_json_string(line, field.name);
        line += ':';
        append_value(line, field);
    }
    logger->log(to_spdlog(level), line);
}

}  // namespace snapjail::log
