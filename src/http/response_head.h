#pragma once
// ResponseHead: the bytes of an answer that stand before its body, and the fields that every answer
// of ours carries.

#include <ctime>
#include <string>
#include <string_view>

#include "http/message.h"

namespace snapjail::http {

// The Date header's value, made anew once a second.
class HttpDate {
  public:
    std::string_view now();

  private:
    std::time_t second_ = -1;
    std::string text_;
};

enum class Persistence {
    kKeepAlive,        // HTTP/1.1, where nothing need be said.
    kKeepAliveStated,  // HTTP/1.0, where it must be.
    kClose,
};

struct HeadFields {
    std::string_view request_id = {};
    std::string_view date = {};
    Persistence persistence = Persistence::kClose;
};

std::string make_response_head(const Response& response, const HeadFields& fields);

}  // namespace snapjail::http
