#include "http/response_head.h"

#include <array>
#include <boost/beast/http/status.hpp>
#include <initializer_list>

#include "base/check.h"

namespace snapjail::http {
namespace {

void append(std::string& out, std::initializer_list<std::string_view> parts) {
    for (std::string_view part : parts) {
        out += part;
    }
}

}  // namespace

std::string_view HttpDate::now() {
    std::time_t second = std::time(nullptr);
    if (second != second_) {
        std::tm utc{};
        std::array<char, 64> buffer{};
        ::gmtime_r(&second, &utc);
        size_t size =
            std::strftime(buffer.data(), buffer.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
        text_.assign(buffer.data(), size);
        second_ = second;
    }
    return text_;
}

std::string make_response_head(const Response& response, const HeadFields& fields) {
    namespace beast_http = boost::beast::http;
    auto reason = beast_http::obsolete_reason(
        beast_http::int_to_status(static_cast<unsigned>(response.status)));
    std::string head;
    head.reserve(384);
    append(head,
           {"HTTP/1.1 ",
            std::to_string(response.status),
            " ",
            {reason.data(), reason.size()},
            "\r\nServer: Snapjail\r\nDate: ",
            fields.date,
            "\r\nContent-Type: application/json\r\nContent-Length: ",
            std::to_string(response.body.size()),
            "\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nX-Request-Id: ",
            fields.request_id,
            "\r\n"});
    for (const auto& [name, value] : response.headers) {
        // Headers are our own text; a line break in one would let its value forge the next.
        CHECK((name + value).find_first_of("\r\n") == std::string::npos);
        append(head, {name, ": ", value, "\r\n"});
    }
    switch (fields.persistence) {
        case Persistence::kKeepAlive:
            break;
        case Persistence::kKeepAliveStated:
            head += "Connection: keep-alive\r\n";
            break;
        case Persistence::kClose:
            head += "Connection: close\r\n";
            break;
    }
    head += "\r\n";
    return head;
}

}  // namespace snapjail::http
