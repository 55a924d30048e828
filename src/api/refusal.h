#pragma once
// Refusal: what is wrong with a request, before anything runs. In the client's words.

#include <string>

namespace snapjail::api {

struct Refusal {
    int status = 400;
    std::string type = "invalid_request";
    std::string message;
};

}  // namespace snapjail::api
