// Bytes of a client, as one or several requests. However they are cut, the same is read; what is
// read agrees with a second, simple reader; and no limit is passed.

#include <boost/asio/buffer.hpp>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "http/request_parser.h"
#include "tests/fuzz/pieces.h"

namespace snapjail::fuzz {
namespace {

using Progress = http::RequestParser::Progress;

// Small, so that short inputs come to them and past them.
constexpr std::size_t kHeaderBytesMax = 512;
constexpr std::size_t kBodyBytesMax = 128;

struct Read {
    int refused = 0;  // The status, or 0.
    bool is_complete = false;
    bool is_keep_alive = false;
    bool is_version_1_0 = false;
    http::Request request = {};
    std::string rest = {};

    bool operator==(const Read& other) const {
        return is_complete == other.is_complete && is_keep_alive == other.is_keep_alive &&
               rest == other.rest && request.method == other.request.method &&
               request.path == other.request.path && request.body == other.request.body &&
               request.content_type == other.request.content_type &&
               request.has_content_type == other.request.has_content_type;
    }
};

Read read_request(std::string_view bytes, Cutting cutting) {
    http::ServerLimits limits;
    limits.header_bytes_max = kHeaderBytesMax;
    limits.body_bytes_max = kBodyBytesMax;
    http::RequestParser parser(limits);
    boost::beast::flat_buffer buffer;
    Cutter cutter(bytes, cutting);
    Read read;
    while (!cutter.is_done()) {
        std::string_view piece = cutter.next();
        buffer.commit(
            boost::asio::buffer_copy(buffer.prepare(piece.size()), boost::asio::buffer(piece)));
        Progress progress = parser.feed(buffer);
        if (progress == Progress::kHeaderDone) {
            progress = parser.feed(buffer);
            CHECK(progress != Progress::kHeaderDone);
        }
        CHECK(parser.body_size() <= kBodyBytesMax);
        if (progress == Progress::kRefused) {
            read.refused = parser.refusal().status;
            CHECK(read.refused >= 400 && read.refused < 500 && !parser.refusal().type.empty() &&
                  !parser.refusal().message.empty());
            return read;
        }
        if (progress == Progress::kComplete) {
            read.is_complete = true;
            read.is_keep_alive = parser.is_keep_alive();
            read.is_version_1_0 = parser.is_version_1_0();
            read.request = parser.take_request();
            read.rest.assign(static_cast<const char*>(buffer.cdata().data()), buffer.size());
            read.rest += cutter.rest();
            return read;
        }
        // What waits for more is bounded: a client cannot make us keep what it likes.
        CHECK(buffer.size() <= kHeaderBytesMax);
    }
    return read;
}

char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string to_lower(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return to_lower(c); });
    return lower;
}
std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

// The header as lines, and where the body begins.
struct Head {
    std::vector<std::string_view> lines;
    std::size_t end = 0;
};
Head split_head(std::string_view bytes) {
    Head head;
    while (bytes.substr(head.end).starts_with("\r\n")) {
        head.end += 2;
    }
    for (;;) {
        std::size_t end = bytes.find("\r\n", head.end);
        CHECK(end != std::string_view::npos);
        std::string_view line = bytes.substr(head.end, end - head.end);
        head.end = end + 2;
        if (line.empty()) {
            return head;
        }
        head.lines.push_back(line);
    }
}

std::vector<std::string> values_of(const Head& head, std::string_view name) {
    std::vector<std::string> values;
    for (std::size_t i = 1; i < head.lines.size(); ++i) {
        std::string_view line = head.lines[i];
        std::size_t colon = line.find(':');
        CHECK(colon != std::string_view::npos && line[0] != ' ' && line[0] != '\t');
        if (to_lower(line.substr(0, colon)) == name) {
            values.emplace_back(trimmed(line.substr(colon + 1)));
        }
    }
    return values;
}

// The body of chunks at the front of `bytes`, which are known to be whole.
std::string join_chunks(std::string_view bytes) {
    std::string body;
    for (;;) {
        std::size_t size = 0;
        auto [end, failed] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), size, 16);
        CHECK(failed == std::errc());
        bytes.remove_prefix(bytes.find("\r\n") + 2);
        if (size == 0) {
            return body;
        }
        body += bytes.substr(0, size);
        CHECK(bytes.substr(size).starts_with("\r\n"));
        bytes.remove_prefix(size + 2);
    }
}

std::string path_of(std::string_view request_line) {
    std::string_view target = request_line.substr(request_line.find(' ') + 1);
    target = target.substr(0, target.find(' '));
    target = target.substr(0, target.find('?'));
    if (target.starts_with("http://")) {
        std::size_t slash = target.find('/', 7);
        return slash == std::string_view::npos ? "/" : std::string(target.substr(slash));
    }
    return std::string(target);
}

// What was accepted is what a reader that knows no more than RFC 9112's plain cases sees in it, and
// leaves no second reading.
void check_accepted(std::string_view bytes, const Read& read) {
    CHECK(bytes.ends_with(read.rest));
    bytes.remove_suffix(read.rest.size());
    Head head = split_head(bytes);
    CHECK(!head.lines.empty());
    auto empty_lines = static_cast<std::size_t>(head.lines[0].data() - bytes.data());
    CHECK(head.end - empty_lines <= kHeaderBytesMax);
    CHECK(head.lines[0].starts_with(read.request.method + " "));
    CHECK(read.request.path == path_of(head.lines[0]));

    auto lengths = values_of(head, "content-length");
    auto encodings = values_of(head, "transfer-encoding");
    auto hosts = values_of(head, "host");
    CHECK(lengths.size() + encodings.size() <= 1);
    CHECK(hosts.size() == 1 || (hosts.empty() && read.is_version_1_0));
    std::string_view body = bytes.substr(head.end);
    if (!encodings.empty()) {
        CHECK(to_lower(encodings[0]) == "chunked" && !read.is_version_1_0);
        CHECK(read.request.body == join_chunks(body));
    } else {
        CHECK(read.request.body == body);
        CHECK(lengths.empty() ? body.empty() : std::stoull(lengths[0]) == body.size());
    }
    CHECK(read.request.body.size() <= kBodyBytesMax);
    CHECK(read.request.has_content_type == !values_of(head, "content-type").empty());
}

// What waits for more does not wait for ever: more than any header may hold ends it, either way.
Read read_to_its_end(std::string_view bytes, Cutting cutting) {
    std::string more = std::string(kHeaderBytesMax + kBodyBytesMax, 'x') + "\r\n\r\n";
    Read read = read_request(std::string(bytes) + more, cutting);
    CHECK(read.is_complete || read.refused != 0);
    return read;
}

// The same however it is cut, but for one thing: what is refused when it comes one way may still
// wait when it comes another, and be refused later. (Beast looks at a header that came in pieces no
// more until its end is there; and it counts a chunk again, against the limit of the body, each
// time that it looks at an extension that has no end.)
void check_same(std::string_view bytes, const Read& whole, Cutting cutting) {
    Read pieces = read_request(bytes, cutting);
    if (whole.is_complete || pieces.is_complete) {
        CHECK(pieces == whole);
        return;
    }
    bool is_refused = whole.refused != 0 || pieces.refused != 0;
    for (Cutting way : {Cutting::kWhole, cutting}) {
        CHECK(!(read_to_its_end(bytes, way).is_complete && is_refused));
    }
}

void check_request(std::string_view bytes) {
    for (int requests = 0; requests < 4 && !bytes.empty(); ++requests) {
        Read read = read_request(bytes, Cutting::kWhole);
        for (Cutting cutting : {Cutting::kBytes, Cutting::kChance}) {
            check_same(bytes, read, cutting);
        }
        if (!read.is_complete) {
            return;
        }
        check_accepted(bytes, read);
        bytes.remove_prefix(bytes.size() - read.rest.size());
    }
}

}  // namespace
}  // namespace snapjail::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    snapjail::fuzz::check_request(snapjail::fuzz::as_text(data, size));
    return 0;
}
