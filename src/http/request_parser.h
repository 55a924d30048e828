#pragma once
// RequestParser: the bytes of one request to a Request or to a Refusal. Beast's parser does the
// grammar; this adds what it leaves open: ambiguous lengths, Host, expectations, and limits that
// hold however the bytes are cut into pieces. It keeps only the fields that we use and does no I/O.

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/message.h"
#include "http/server_limits.h"

namespace snapjail::http {

// Why the server itself answers, and closes. `type` and `message` go to ErrorBody.
struct Refusal {
    int status = 400;
    std::string type;
    std::string message;
};

class RequestParser final : private boost::beast::http::basic_parser<true> {
  public:
    enum class Progress {
        kNeedMore,    // All that can be used of the buffer is used; a header or a body goes on.
        kHeaderDone,  // Said once. A body follows.
        kComplete,    // take_request() is due. The rest of the buffer belongs to the next request.
        kRefused,     // refusal() says why. The connection cannot be used further.
    };

    explicit RequestParser(const ServerLimits& limits);
    ~RequestParser() override = default;

    // Consumes what belongs to this request. Not to be called again after kComplete or kRefused.
    Progress feed(boost::beast::flat_buffer& buffer);

    const Refusal& refusal() const { return *refusal_; }
    Request take_request() { return std::move(request_); }
    std::size_t body_size() const { return request_.body.size(); }

    bool is_header_done() const { return basic_parser::is_header_done(); }
    bool is_head() const { return is_head_; }
    bool is_version_1_0() const { return version_ == 10; }
    // Only once the header is done.
    bool is_keep_alive() const { return basic_parser::keep_alive(); }
    bool expects_continue() const { return expects_continue_; }

  private:
    using error_code = boost::beast::error_code;
    using string_view = boost::beast::string_view;
    using optional_length = boost::optional<std::uint64_t>;

    void on_request_impl(boost::beast::http::verb verb, string_view method, string_view target,
                         int version, error_code& ec) override;
    void on_response_impl(int status, string_view reason, int version, error_code& ec) override;
    void on_field_impl(boost::beast::http::field name, string_view text, string_view value,
                       error_code& ec) override;
    void on_header_impl(error_code& ec) override;
    void on_body_init_impl(const optional_length& length, error_code& ec) override;
    std::size_t on_body_impl(string_view bytes, error_code& ec) override;
    void on_chunk_header_impl(std::uint64_t size, string_view extensions, error_code& ec) override;
    std::size_t on_chunk_body_impl(std::uint64_t left, string_view bytes, error_code& ec) override;
    void on_finish_impl(error_code& ec) override;

    bool skip_empty_lines(boost::beast::flat_buffer& buffer);
    bool is_part_of_last_chunk(const boost::beast::flat_buffer& buffer) const;
    // Of a header, or of what stands around a body: bytes read just now, and bytes that wait.
    bool is_too_large(std::size_t used, std::size_t unfinished);
    void keep_field(boost::beast::http::field name, std::string_view value, error_code& ec);
    void refuse(Refusal refusal, error_code& ec);
    Progress refuse_for(const error_code& ec);

    ServerLimits limits_;
    Request request_;
    std::optional<Refusal> refusal_;
    std::size_t header_bytes_ = 0;
    int version_ = 11;
    int host_count_ = 0;
    int content_length_count_ = 0;
    bool expects_continue_ = false;
    bool is_head_ = false;
    bool is_header_reported_ = false;
};

}  // namespace snapjail::http
