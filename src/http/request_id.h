#pragma once
// RequestIds: 128 random bits in hex for each request, from getrandom(2). Unique, not secret. The
// kernel is asked once for several ids.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace snapjail::http {

class RequestIds {
  public:
    std::string next();

  private:
    static constexpr std::size_t kIdBytes = 16;
    // 256 bytes: up to there getrandom() is never interrupted and never short.
    std::array<std::uint8_t, 16 * kIdBytes> pool_{};
    std::size_t used_ = sizeof(pool_);
};

}  // namespace snapjail::http
