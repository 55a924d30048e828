// What a hostile guest writes: bytes on the result's descriptor, bytes on standard output. Whatever
// they are, the client gets a sound answer of bounded size, and nothing of ours in it is forged.
// An input is the first, up to a line "--stdout--", and the second.

#include <boost/json.hpp>
#include <optional>
#include <string>

#include "api/execute_response.h"
#include "api/json_text.h"
#include "base/check.h"
#include "sched/ending.h"
#include "sched/frame_reader.h"
#include "tests/fuzz/pieces.h"

namespace snapjail::fuzz {
namespace {

namespace json = boost::json;

constexpr std::string_view kStdout = "\n--stdout--\n";
constexpr api::ResultLimits kLimits{.bytes_max = 64, .depth_max = 8};
constexpr std::size_t kStdoutBytesMax = 40;

struct Heard {
    bool is_violation = false;
    std::optional<sched::Frame> frame;
};

// As a guest's pipe is read: a frame is taken as soon as it is whole.
Heard hear(std::string_view bytes, Cutting cutting) {
    sched::FrameReader reader(kLimits.bytes_max);
    Cutter cutter(bytes, cutting);
    while (!cutter.is_done()) {
        std::string_view piece = cutter.next();
        if (!reader.feed(std::span(piece.data(), piece.size()))) {
            CHECK(!reader.take());
            CHECK(!reader.feed({}));  // For ever.
            return {true, std::nullopt};
        }
        if (auto frame = reader.take()) {
            CHECK(!reader.take());
            return {false, std::move(frame)};
        }
    }
    return {};
}

void check_frame(std::string_view bytes, const sched::Frame& frame) {
    CHECK(bytes.size() >= sizeof(zygote::FrameHeader) + frame.payload.size());
    CHECK(bytes.substr(sizeof(zygote::FrameHeader)).starts_with(frame.payload));
    if (frame.kind == zygote::FrameKind::kResult) {
        CHECK(frame.payload.size() <= kLimits.bytes_max);
    }
    CHECK(frame.kind != zygote::FrameKind::kReady || frame.payload.empty());
}

Heard hear_all_ways(std::string_view bytes) {
    Heard whole = hear(bytes, Cutting::kWhole);
    for (Cutting cutting : {Cutting::kBytes, Cutting::kChance}) {
        Heard pieces = hear(bytes, cutting);
        if (pieces.frame) {
            check_frame(bytes, *pieces.frame);
            // At once, what follows a frame is a violation; one by one it is not there yet.
            bool has_more =
                bytes.size() > sizeof(zygote::FrameHeader) + pieces.frame->payload.size();
            CHECK(whole.is_violation == has_more);
        } else {
            CHECK(!whole.frame && whole.is_violation == pieces.is_violation);
        }
        if (whole.frame) {
            CHECK(pieces.frame && pieces.frame->kind == whole.frame->kind &&
                  pieces.frame->payload == whole.frame->payload);
        }
    }
    return whole;
}

// Python's errors="replace", written down without haste: one U+FFFD for each maximal subpart.
std::string decode_with_replacement(std::string_view bytes) {
    std::string text;
    for (std::size_t at = 0; at < bytes.size();) {
        std::size_t taken = 0;
        for (std::size_t size = 1; size <= 4 && at + size <= bytes.size() && taken == 0; ++size) {
            taken = api::find_utf8_fault(bytes.substr(at, size)) ? 0 : size;
        }
        if (taken > 0) {
            text += bytes.substr(at, taken);
            at += taken;
            continue;
        }
        // The longest front that some character begins with.
        std::size_t broken = 1;
        for (std::size_t size = 2; size <= 3 && at + size <= bytes.size(); ++size) {
            bool is_beginning = false;
            for (std::string_view end : {"\x80", "\xbf", "\x80\x80", "\xbf\xbf"}) {
                std::string candidate = std::string(bytes.substr(at, size)) + std::string(end);
                is_beginning =
                    is_beginning || (candidate.size() <= 4 && !api::find_utf8_fault(candidate) &&
                                     static_cast<unsigned char>(candidate[0]) >= 0xe0);
            }
            broken = is_beginning ? size : broken;
        }
        text += "\xef\xbf\xbd";
        at += broken;
    }
    return text;
}

void check_cut(std::string_view bytes) {
    std::string_view kept = api::without_cut_character(bytes);
    CHECK(bytes.starts_with(kept) && bytes.size() - kept.size() <= 3);
    if (!api::find_utf8_fault(bytes)) {
        CHECK(kept == bytes);
    }
    // Of sound text, however cut, sound text is left.
    std::string sound = decode_with_replacement(bytes);
    for (std::size_t size = sound.size(); size + 4 > sound.size() && size > 0; --size) {
        std::string_view cut = std::string_view(sound).substr(0, size);
        CHECK(!api::find_utf8_fault(api::without_cut_character(cut)));
    }
}

bool is_error_type(std::string_view type) {
    for (std::string_view known : {"no_main", "syntax_error", "exception", "exit", "not_json",
                                   "result_too_large", "memory_limit", "internal"}) {
        if (type == known) {
            return true;
        }
    }
    return false;
}

void check_answer(const sched::Outcome& outcome) {
    api::ExecuteResponse answer = api::make_execute_response(outcome, kLimits, "id");
    const std::string& body = answer.response.body;
    // Each byte of stdout takes six at most; what else there is has its own bounds.
    CHECK(body.size() < 6 * (kStdoutBytesMax + zygote::kMessageBytesMax +
                             zygote::kTracebackBytesMax + kLimits.bytes_max) +
                            512);
    CHECK(!api::find_json_fault(body, kLimits.depth_max + 1));

    json::parse_options options;
    options.max_depth = kLimits.depth_max + 1;
    json::error_code error;
    json::value tree = json::parse(body, error, {}, options);
    if (error == json::error::exponent_overflow) {
        return;  // A number of the guest's, passed on as it is.
    }
    CHECK(!error.failed() && tree.is_object());
    const json::object& object = tree.get_object();
    bool has_result = answer.response.status == 200;
    std::size_t keys = 2 + (outcome.stdout_truncated ? 1 : 0);
    if (has_result) {
        const auto& returned = std::get<sched::Returned>(outcome.ending);
        CHECK(object.contains("result") && body.starts_with("{\"result\":" + returned.json + ","));
        CHECK(!api::find_json_fault(returned.json, kLimits.depth_max));
    } else {
        CHECK(answer.response.status == 400);
        CHECK(is_error_type(std::string_view(object.at("error_type").get_string())));
        CHECK(object.at("error").is_string() && !object.at("error").get_string().empty());
        keys += object.contains("traceback") ? 2 : 1;
    }
    CHECK(object.size() == keys);
    std::string_view shown = outcome.stdout_truncated
                                 ? api::without_cut_character(outcome.stdout_bytes)
                                 : std::string_view(outcome.stdout_bytes);
    CHECK(object.at("stdout").get_string() == decode_with_replacement(shown));
}

void check_guest(std::string_view bytes) {
    std::size_t mark = bytes.find(kStdout);
    std::string_view result = bytes.substr(0, mark);
    std::string_view printed =
        mark == std::string_view::npos ? std::string_view() : bytes.substr(mark + kStdout.size());
    check_cut(printed.substr(0, kStdoutBytesMax));

    Heard heard = hear_all_ways(result);
    sched::Outcome outcome{
        .ending = heard.frame ? sched::ending_of_frame(std::move(*heard.frame))
                              : sched::ending_of_violation(),
        .stdout_bytes = std::string(printed.substr(0, kStdoutBytesMax)),
        .stdout_truncated = printed.size() > kStdoutBytesMax,
    };
    check_answer(outcome);
    // The same bytes as a result that was never in a frame, so that its text is looked at often.
    outcome.ending = sched::Returned{std::string(result)};
    check_answer(outcome);
}

}  // namespace
}  // namespace snapjail::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    snapjail::fuzz::check_guest(snapjail::fuzz::as_text(data, size));
    return 0;
}
