#include "sched/frame_reader.h"

#include <cstring>
#include <utility>

namespace snapjail::sched {
namespace {

Error violation(const char* what) {
    return {ErrorKind::kProtocol, "read a guest's frame", 0, what};
}

}  // namespace

Result<void> FrameReader::feed(std::span<const char> bytes) {
    auto fed = is_broken_ ? Result<void>(violation("bytes after a violation")) : keep(bytes);
    is_broken_ = !fed.has_value();
    return fed;
}

Result<void> FrameReader::keep(std::span<const char> bytes) {
    buffer_.append(bytes.data(), bytes.size());
    if (!header_ && buffer_.size() >= sizeof(zygote::FrameHeader)) {
        zygote::FrameHeader header;
        std::memcpy(&header, buffer_.data(), sizeof(header));
        header_ = header;
        TRY(check_header());
    }
    if (header_ && buffer_.size() > sizeof(zygote::FrameHeader) + header_->payload_bytes) {
        return violation("bytes after a whole frame");
    }
    return {};
}

std::optional<Frame> FrameReader::take() {
    if (is_broken_ || !header_ ||
        buffer_.size() < sizeof(zygote::FrameHeader) + header_->payload_bytes) {
        return std::nullopt;
    }
    Frame frame{header_->kind, std::move(buffer_)};
    frame.payload.erase(0, sizeof(zygote::FrameHeader));
    buffer_.clear();
    header_.reset();
    return frame;
}

Result<void> FrameReader::check_header() const {
    std::size_t size = header_->payload_bytes;
    switch (header_->kind) {
        case zygote::FrameKind::kReady:
            return size == 0 ? Result<void>() : violation("kReady with a payload");
        case zygote::FrameKind::kSetupFailed:
            return size == sizeof(zygote::SetupFailedPayload) ? Result<void>()
                                                              : violation("kSetupFailed's size");
        case zygote::FrameKind::kResult:
            return size <= result_bytes_max_ ? Result<void>() : violation("kResult is too large");
        case zygote::FrameKind::kFault: {
            constexpr std::size_t kFaultBytesMax =
                sizeof(zygote::FaultHeader) + zygote::kMessageBytesMax + zygote::kTracebackBytesMax;
            bool fits = size >= sizeof(zygote::FaultHeader) && size <= kFaultBytesMax;
            return fits ? Result<void>() : violation("kFault's size");
        }
    }
    return violation("an unknown kind");
}

}  // namespace snapjail::sched
