#include "http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace snapjail::http {
namespace {

namespace beast_http = boost::beast::http;
using beast_http::field;

// A declared length is only a claim: this much is set aside for it, the rest as it arrives.
constexpr std::uint64_t kBodyReserveMax = 256 * 1024;

constexpr std::string_view kLastChunk = "0\r\n\r\n";

bool is_all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// The path of a request target: without the query, and of "http://host/path" only "/path", which
// proxies send and servers must take.
std::string path_of(std::string_view target) {
    static constexpr std::string_view kScheme = "http://";
    // First, because a slash may stand in it: "http://host?next=/path" has no path.
    target = target.substr(0, target.find('?'));
    if (target.starts_with(kScheme)) {
        size_t slash = target.find('/', kScheme.size());
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
    }
    return std::string(target);
}

// Whether Beast has joined several lines to this value: it then stands elsewhere than right after
// its name. RFC 9112, 5.2, lets a server refuse those, and others have been fooled by them.
bool is_folded(boost::beast::string_view name, boost::beast::string_view value) {
    const char* at = name.data() + name.size() + 1;  // Past the colon. The line's end stops it.
    while (*at == ' ' || *at == '\t') {
        ++at;
    }
    return value.data() != at;
}

Refusal bad_request(std::string message) {
    return {.status = 400, .type = "invalid_request", .message = std::move(message)};
}

}  // namespace

RequestParser::RequestParser(const ServerLimits& limits) : limits_(limits) {
    // Beast holds the bytes of each piece, not of the whole header, against its own limit: lines
    // that arrive one by one pass it for ever. So we count ourselves.
    header_limit(std::numeric_limits<std::uint32_t>::max());
    body_limit(limits.body_bytes_max);
}

RequestParser::Progress RequestParser::feed(boost::beast::flat_buffer& buffer) {
    if (!got_some() && !skip_empty_lines(buffer)) {
        return Progress::kNeedMore;
    }
    for (;;) {
        if (is_done()) {
            return Progress::kComplete;
        }
        if (is_header_done() && !is_header_reported_) {
            is_header_reported_ = true;
            return Progress::kHeaderDone;
        }
        if (buffer.size() == 0 || is_part_of_last_chunk(buffer)) {
            return Progress::kNeedMore;
        }
        error_code ec;
        std::size_t body_before = body_size();
        std::size_t used = put(buffer.cdata(), ec);
        buffer.consume(used);
        bool needs_more = ec == beast_http::error::need_more;
        if (ec && !needs_more) {
            return refuse_for(ec);
        }
        // Only a header, a chunk's header or a trailer is ever left unfinished; a body is not.
        std::size_t unfinished = needs_more ? buffer.size() : 0;
        if (is_too_large(used - (body_size() - body_before), unfinished)) {
            return Progress::kRefused;
        }
        if (needs_more) {
            return Progress::kNeedMore;
        }
    }
}

// RFC 9112, 2.2: some clients send an empty line after a body. False while one may still be coming.
bool RequestParser::skip_empty_lines(boost::beast::flat_buffer& buffer) {
    auto text = [&buffer] {
        return std::string_view(static_cast<const char*>(buffer.cdata().data()), buffer.size());
    };
    while (text().starts_with("\r\n")) {
        buffer.consume(2);
    }
    return !text().empty() && text() != "\r";
}

// Beast 1.81 asserts that a last chunk is whole when it looks at it a second time, as it does if
// bytes trickle in. What follows of a chunked body is never shorter than that, so it can wait.
bool RequestParser::is_part_of_last_chunk(const boost::beast::flat_buffer& buffer) const {
    std::string_view text(static_cast<const char*>(buffer.cdata().data()), buffer.size());
    return is_header_done() && chunked() && text.size() < kLastChunk.size() &&
           text.starts_with(kLastChunk[0]);
}

bool RequestParser::is_too_large(std::size_t used, std::size_t unfinished) {
    error_code ignored;
    if (!is_header_reported_) {
        header_bytes_ += used;
        if (header_bytes_ + unfinished > limits_.header_bytes_max) {
            refuse({431, "invalid_request",
                    "request header is larger than " + std::to_string(limits_.header_bytes_max) +
                        " bytes"},
                   ignored);
            return true;
        }
    }
    if (used + unfinished > limits_.header_bytes_max) {
        refuse(bad_request("chunk header or trailer is too large"), ignored);
        return true;
    }
    return false;
}

void RequestParser::on_request_impl(beast_http::verb, string_view method, string_view target,
                                    int version, error_code&) {
    request_.method = std::string(method);
    is_head_ = request_.method == "HEAD";
    request_.path = path_of({target.data(), target.size()});
    version_ = version;
}

// Never called for a request; the base class has it for both.
void RequestParser::on_response_impl(int, string_view, int, error_code&) {}

void RequestParser::on_field_impl(field name, string_view text, string_view value, error_code& ec) {
    if (is_header_reported_) {
        return;  // A trailer: nothing that it says is ours to believe.
    }
    if (is_folded(text, value)) {
        refuse(bad_request("a header is folded over several lines"), ec);
        return;
    }
    keep_field(name, {value.data(), value.size()}, ec);
}

void RequestParser::keep_field(field name, std::string_view value, error_code& ec) {
    if (name == field::content_type) {
        // Sent twice it becomes a list, which is no media type: the routes refuse it.
        request_.content_type += request_.has_content_type ? ", " : "";
        request_.content_type += value;
        request_.has_content_type = true;
    } else if (name == field::host) {
        ++host_count_;
    } else if (name == field::content_length) {
        // Beast takes "5, 5" and the same length twice. Whoever stands before us may not.
        if (++content_length_count_ > 1 || !is_all_digits(value)) {
            refuse(bad_request("Content-Length must be one number"), ec);
        }
    } else if (name == field::transfer_encoding) {
        // Beast takes an encoding that it does not know for none at all, and what follows for the
        // next request: the classic way of smuggling.
        if (version_ == 10 || !boost::beast::iequals({value.data(), value.size()}, "chunked")) {
            refuse(bad_request("Transfer-Encoding must be chunked, in HTTP/1.1"), ec);
        }
    } else if (name == field::expect && version_ != 10) {
        if (!boost::beast::iequals({value.data(), value.size()}, "100-continue")) {
            refuse({417, "invalid_request", "the only expectation that can be met is 100-continue"},
                   ec);
        }
        expects_continue_ = true;
    } else if (name == field::content_encoding &&
               !boost::beast::iequals({value.data(), value.size()}, "identity")) {
        refuse({415, "invalid_request", "Content-Encoding is not supported"}, ec);
    }
}

void RequestParser::on_header_impl(error_code& ec) {
    // RFC 9112, 3.2: a server must refuse these.
    if (host_count_ > 1 || (host_count_ == 0 && version_ != 10)) {
        refuse(bad_request("request must have one Host header"), ec);
    }
}

void RequestParser::on_body_init_impl(const optional_length& length, error_code&) {
    request_.body.reserve(static_cast<std::size_t>(
        std::min(length.value_or(0), static_cast<std::uint64_t>(kBodyReserveMax))));
}

std::size_t RequestParser::on_body_impl(string_view bytes, error_code&) {
    request_.body.append(bytes.data(), bytes.size());
    return bytes.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t, string_view, error_code&) {}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& ec) {
    return on_body_impl(bytes, ec);
}

void RequestParser::on_finish_impl(error_code&) {}

void RequestParser::refuse(Refusal refusal, error_code& ec) {
    refusal_ = std::move(refusal);
    ec = beast_http::error::bad_value;
}

RequestParser::Progress RequestParser::refuse_for(const error_code& ec) {
    if (refusal_) {
        return Progress::kRefused;
    }
    if (ec == beast_http::error::body_limit) {
        refusal_ = {
            413, "script_too_large",
            "request body is larger than " + std::to_string(limits_.body_bytes_max) + " bytes"};
    } else if (ec == beast_http::error::header_limit) {
        // Of one folded line; Beast has a bound of its own for those.
        refusal_ = {431, "invalid_request", "a folded line of the request header is too large"};
    } else {
        refusal_ = bad_request("request is not valid HTTP: " + ec.message());
    }
    return Progress::kRefused;
}

}  // namespace snapjail::http
