#include "http/request_id.h"

#include <sys/random.h>

#include <cerrno>

#include "base/log.h"
#include "base/syscall.h"

namespace snapjail::http {
namespace {

// A kernel that refuses us randomness: what is left is to be unique within this process.
void fill_with_counter(std::uint8_t* bytes, std::size_t size) {
    static std::uint64_t counter = 0;
    ++counter;
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(counter >> (8 * (i % sizeof(counter))));
    }
}

}  // namespace

std::string RequestIds::next() {
    if (used_ == pool_.size()) {
        auto got =
            retry_eintr("getrandom", [&] { return ::getrandom(pool_.data(), pool_.size(), 0); });
        used_ = 0;
        if (!got) {
            log::error("request_id", {{"error", got.error().to_string()}});
            used_ = pool_.size() - kIdBytes;
            fill_with_counter(pool_.data() + used_, kIdBytes);
        }
    }
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string id(2 * kIdBytes, '0');
    for (std::size_t i = 0; i < kIdBytes; ++i, ++used_) {
        id[2 * i] = kDigits[pool_[used_] >> 4];
        id[2 * i + 1] = kDigits[pool_[used_] & 0xf];
    }
    return id;
}

}  // namespace snapjail::http
