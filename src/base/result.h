#pragma once
// Result<T> and Error: how a function says that it could not do what it was asked.
// The member names are those of std::expected, which gcc 12 has only in C++23 and clang 14 not at
// all. A bug is a CHECK, and what a guest did is an Outcome: neither is ever an Error.

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace snapjail {

enum class ErrorKind : unsigned char {
    kInvalid,      // The caller's input is wrong; retrying cannot help.
    kBusy,         // A configured limit is reached; retry later.
    kUnsupported,  // This host lacks a kernel feature that we need.
    kSystem,       // A syscall failed; `sys_errno` says how.
    kProtocol,     // A peer process sent something that the protocol forbids.
};

struct [[nodiscard]] Error {
    ErrorKind kind = ErrorKind::kSystem;
    const char* operation = "";  // Static string: what was being attempted, e.g. "mount /proc".
    int sys_errno = 0;
    std::string detail = {};

    static Error from_errno(const char* operation, int sys_errno, std::string detail = {}) {
        return {ErrorKind::kSystem, operation, sys_errno, std::move(detail)};
    }

    // For logs and terminals, never for a client: "mount /proc: Operation not permitted (detail)".
    std::string to_string() const {
        std::string text = operation;
        if (sys_errno != 0) {
            text += std::string(": ") + std::strerror(sys_errno);
        }
        if (!detail.empty()) {
            text += sys_errno != 0 ? " (" + detail + ")" : ": " + detail;
        }
        return text;
    }
};

template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    T& value() & {
        CHECK(has_value());
        return *std::get_if<0>(&state_);
    }
    const T& value() const& {
        CHECK(has_value());
        return *std::get_if<0>(&state_);
    }
    T&& value() && {
        CHECK(has_value());
        return std::move(*std::get_if<0>(&state_));
    }
    const Error& error() const& {
        CHECK(!has_value());
        return *std::get_if<1>(&state_);
    }
    Error&& error() && {
        CHECK(!has_value());
        return std::move(*std::get_if<1>(&state_));
    }

    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

  private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const { return !error_.has_value(); }
    explicit operator bool() const { return has_value(); }
    void value() const { CHECK(has_value()); }
    const Error& error() const& {
        CHECK(error_.has_value());
        return *error_;
    }
    Error&& error() && {
        CHECK(error_.has_value());
        return std::move(*error_);
    }

  private:
    std::optional<Error> error_;
};

}  // namespace snapjail

#define SNAPJAIL_CONCAT_2(a, b) a##b
#define SNAPJAIL_CONCAT(a, b) SNAPJAIL_CONCAT_2(a, b)
#define SNAPJAIL_TRY(name, expression)        \
    __extension__({                           \
        auto name = (expression);             \
        if (!name.has_value()) [[unlikely]] { \
            return std::move(name).error();   \
        }                                     \
        std::move(name).value();              \
    })
// TRY(expression): the value of a Result, or return its Error from this function.
// Not among the braces of an aggregate: gcc and clang forget to destroy the members made before it.
#define TRY(expression) SNAPJAIL_TRY(SNAPJAIL_CONCAT(try_result_, __COUNTER__), expression)
