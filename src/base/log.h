#pragma once
// Logs: one JSON object a line on stderr, with time (UTC), level, what happened and named fields.
// Never a script's text, its output or its result. Not after fork().

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace snapjail::log {

enum class Level { kDebug, kInfo, kWarning, kError };

struct Field {
    std::string_view name;
    std::variant<std::string_view, std::int64_t, double> value;
};

// Sets what is written from here on: `component` stands in each line ("supervisor", "front").
void start(std::string_view component, Level lowest);

void write(Level level, std::string_view event, std::initializer_list<Field> fields = {});

inline void debug(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::kDebug, event, fields);
}
inline void info(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::kInfo, event, fields);
}
inline void warning(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::kWarning, event, fields);
}
inline void error(std::string_view event, std::initializer_list<Field> fields = {}) {
    write(Level::kError, event, fields);
}

}  // namespace snapjail::log
