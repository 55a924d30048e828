#pragma once
// ExecuteResponse: what POST /execute answers. The only place where an Outcome becomes a status, an
// error_type and a sentence; contract.md has the table. Everything from the guest is hostile here.

#include <cstddef>
#include <string>
#include <string_view>

#include "http/message.h"
#include "sched/outcome.h"

namespace snapjail::api {

struct ResultLimits {
    std::size_t bytes_max;
    std::size_t depth_max;
};

struct ExecuteResponse {
    http::Response response;
    std::string_view outcome;  // "returned", or the error_type. Static text, for the log.
};

// `job_id` is what a client is told to quote when the fault is ours.
ExecuteResponse make_execute_response(const sched::Outcome& outcome, const ResultLimits& limits,
                                      std::string_view job_id);

// {"error": message, "error_type": type, "stdout": ""}: the body of every refusal before a run.
std::string make_refusal_body(std::string_view message, std::string_view type);

}  // namespace snapjail::api
