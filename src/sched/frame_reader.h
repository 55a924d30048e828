#pragma once
// FrameReader: bytes from a guest's result pipe to frames. Everything about them is hostile:
// lengths are checked before anything is kept, and one frame more than expected is a violation, not
// a queue.

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "zygote/protocol.h"

namespace snapjail::sched {

struct Frame {
    zygote::FrameKind kind = zygote::FrameKind::kReady;
    std::string payload;
};

class FrameReader {
  public:
    // `result_bytes_max` bounds a kResult's payload; the others have bounds of their own.
    explicit FrameReader(std::size_t result_bytes_max) : result_bytes_max_(result_bytes_max) {}

    // Takes bytes as they come; at most one frame's worth is kept. An error is for ever: no frame
    // comes after it.
    Result<void> feed(std::span<const char> bytes);

    // The next whole frame, once.
    std::optional<Frame> take();

  private:
    Result<void> keep(std::span<const char> bytes);
    Result<void> check_header() const;

    std::size_t result_bytes_max_;
    std::string buffer_;
    std::optional<zygote::FrameHeader> header_;
    bool is_broken_ = false;
};

}  // namespace snapjail::sched
