#include "sched/frame_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace snapjail::sched {
namespace {

using zygote::FrameKind;

constexpr std::size_t kResultMax = 100;
constexpr std::size_t kFaultMax =
    sizeof(zygote::FaultHeader) + zygote::kMessageBytesMax + zygote::kTracebackBytesMax;

std::string header_of(FrameKind kind, std::size_t payload_bytes) {
    zygote::FrameHeader header{kind, static_cast<std::uint32_t>(payload_bytes)};
    return {reinterpret_cast<const char*>(&header), sizeof(header)};
}
std::string frame_of(FrameKind kind, const std::string& payload) {
    return header_of(kind, payload.size()) + payload;
}

// Whether a header that announces so many bytes is taken.
bool is_taken(FrameKind kind, std::size_t payload_bytes) {
    return FrameReader(kResultMax).feed(header_of(kind, payload_bytes)).has_value();
}

TEST(FrameReader, AWholeFrameComesOutOnce) {
    FrameReader reader(kResultMax);

    ASSERT_TRUE(reader.feed(frame_of(FrameKind::kResult, "[1,2]")));
    auto frame = reader.take();

    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->kind, FrameKind::kResult);
    EXPECT_EQ(frame->payload, "[1,2]");
    EXPECT_FALSE(reader.take());
}

TEST(FrameReader, AFrameMaySplitAtEveryByte) {
    std::string bytes = frame_of(FrameKind::kResult, std::string("a\0b", 3));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        FrameReader reader(kResultMax);

        ASSERT_TRUE(reader.feed(std::span(bytes).first(cut)));
        EXPECT_FALSE(reader.take()) << cut;
        ASSERT_TRUE(reader.feed(std::span(bytes).subspan(cut)));

        EXPECT_EQ(reader.take()->payload, std::string("a\0b", 3)) << cut;
    }
}

TEST(FrameReader, AFrameMayComeByteByByte) {
    FrameReader reader(kResultMax);
    std::string bytes = frame_of(FrameKind::kResult, "true");
    for (char byte : bytes) {
        EXPECT_FALSE(reader.take());
        ASSERT_TRUE(reader.feed(std::span(&byte, 1)));
    }

    EXPECT_EQ(reader.take()->payload, "true");
}

TEST(FrameReader, NoBytesAreNoFrameAndNoError) {
    FrameReader reader(kResultMax);

    EXPECT_TRUE(reader.feed({}));
    EXPECT_FALSE(reader.take());
}

TEST(FrameReader, AnEmptyResultIsAFrame) {
    FrameReader reader(0);

    ASSERT_TRUE(reader.feed(frame_of(FrameKind::kResult, "")));

    EXPECT_EQ(reader.take()->payload, "");
}

TEST(FrameReader, EachKindsBoundHoldsOnBothSides) {
    EXPECT_TRUE(is_taken(FrameKind::kReady, 0));
    EXPECT_FALSE(is_taken(FrameKind::kReady, 1));
    EXPECT_FALSE(is_taken(FrameKind::kSetupFailed, sizeof(zygote::SetupFailedPayload) - 1));
    EXPECT_TRUE(is_taken(FrameKind::kSetupFailed, sizeof(zygote::SetupFailedPayload)));
    EXPECT_FALSE(is_taken(FrameKind::kSetupFailed, sizeof(zygote::SetupFailedPayload) + 1));
    EXPECT_TRUE(is_taken(FrameKind::kResult, kResultMax));
    EXPECT_FALSE(is_taken(FrameKind::kResult, kResultMax + 1));
    EXPECT_FALSE(is_taken(FrameKind::kFault, sizeof(zygote::FaultHeader) - 1));
    EXPECT_TRUE(is_taken(FrameKind::kFault, sizeof(zygote::FaultHeader)));
    EXPECT_TRUE(is_taken(FrameKind::kFault, kFaultMax));
    EXPECT_FALSE(is_taken(FrameKind::kFault, kFaultMax + 1));
    EXPECT_FALSE(is_taken(FrameKind::kResult, 0xffffffff));
    EXPECT_FALSE(is_taken(static_cast<FrameKind>(0), 0));
    EXPECT_FALSE(is_taken(static_cast<FrameKind>(0xffffffff), 0xffffffff));
}

TEST(FrameReader, AViolationIsOfTheProtocol) {
    FrameReader reader(kResultMax);

    auto fed = reader.feed(std::string("{\"result\":1}"));

    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().kind, ErrorKind::kProtocol);
}

TEST(FrameReader, BytesAfterAFrameAreAViolationInOnePieceAndInTwo) {
    std::string first = frame_of(FrameKind::kReady, "");
    FrameReader at_once(kResultMax);
    FrameReader later(kResultMax);

    EXPECT_FALSE(at_once.feed(first + "x"));
    ASSERT_TRUE(later.feed(first));
    EXPECT_FALSE(later.feed(std::string("x")));
}

TEST(FrameReader, TheNextFrameMayComeOnceTheFirstIsTaken) {
    FrameReader reader(kResultMax);
    ASSERT_TRUE(reader.feed(frame_of(FrameKind::kReady, "")));
    ASSERT_TRUE(reader.take());

    ASSERT_TRUE(reader.feed(frame_of(FrameKind::kResult, "1")));

    EXPECT_EQ(reader.take()->payload, "1");
}

TEST(FrameReader, NothingComesAfterAViolation) {
    for (const std::string& bad :
         {header_of(FrameKind::kResult, kResultMax + 1), header_of(static_cast<FrameKind>(7), 0),
          frame_of(FrameKind::kReady, "") + "x"}) {
        FrameReader reader(kResultMax);
        ASSERT_FALSE(reader.feed(bad));

        EXPECT_FALSE(reader.take());
        EXPECT_FALSE(reader.feed({}));
        EXPECT_FALSE(reader.feed(std::string(kResultMax + 1, 'x')));
        EXPECT_FALSE(reader.feed(frame_of(FrameKind::kResult, "1")));
        EXPECT_FALSE(reader.take());
    }
}

TEST(FrameReader, GarbageNeverGivesAFrameLargerThanItsKindMayBe) {
    std::mt19937 random(20'240'601);
    for (int round = 0; round < 2'000; ++round) {
        FrameReader reader(kResultMax);
        for (int piece = 0; piece < 20; ++piece) {
            std::string bytes(random() % 64, '\0');
            for (char& byte : bytes) {
                byte = static_cast<char>(random());
            }
            if (random() % 4 == 0) {  // Else almost none would get past the kind.
                bytes = header_of(FrameKind::kResult, random() % (2 * kResultMax)) + bytes;
            }
            bool is_fed = reader.feed(bytes).has_value();
            auto frame = reader.take();
            ASSERT_FALSE(frame && !is_fed);
            ASSERT_FALSE(frame && frame->payload.size() > kResultMax);
        }
    }
}

}  // namespace
}  // namespace snapjail::sched
