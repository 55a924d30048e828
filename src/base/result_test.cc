#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace snapjail {
namespace {

Result<int> parsed(int value) {
    if (value < 0) {
        return Error{ErrorKind::kInvalid, "parse", 0, "negative"};
    }
    return value;
}

Result<std::string> text_of(int value) {
    int number = TRY(parsed(value));
    return std::to_string(number);
}

Result<void> nested_try(int a, int b) {
    if (TRY(parsed(a)) + TRY(parsed(TRY(parsed(b)))) > 10) {
        return Error{ErrorKind::kBusy, "add"};
    }
    return {};
}

TEST(Result, TryGivesTheValue) {
    auto text = text_of(7);

    ASSERT_TRUE(text);
    EXPECT_EQ(*text, "7");
}

TEST(Result, TryReturnsTheErrorUnchangedFromAnotherResultType) {
    auto text = text_of(-1);

    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().kind, ErrorKind::kInvalid);
    EXPECT_STREQ(text.error().operation, "parse");
    EXPECT_EQ(text.error().sys_errno, 0);
    EXPECT_EQ(text.error().detail, "negative");
}

TEST(Result, TriesMayStandInOneAnother) {
    EXPECT_TRUE(nested_try(4, 6));
    EXPECT_EQ(nested_try(4, 7).error().kind, ErrorKind::kBusy);
    EXPECT_EQ(nested_try(4, -1).error().kind, ErrorKind::kInvalid);
}

TEST(Result, TryStopsAtTheFirstError) {
    int calls = 0;
    auto fail = [&]() -> Result<void> {
        ++calls;
        return Error{};
    };
    auto twice = [&]() -> Result<void> {
        TRY(fail());
        TRY(fail());
        return {};
    };

    EXPECT_FALSE(twice());
    EXPECT_EQ(calls, 1);
}

TEST(Result, AMoveOnlyValueIsMovedOutNotCopied) {
    auto made = [] { return Result<std::unique_ptr<int>>(std::make_unique<int>(3)); };
    auto passed_on = [&]() -> Result<std::unique_ptr<int>> { return TRY(made()); };

    std::unique_ptr<int> value = std::move(passed_on()).value();

    ASSERT_NE(value, nullptr);
    EXPECT_EQ(*value, 3);
}

TEST(Result, AResultOfAnErrorLikeValueIsStillAValue) {
    Result<std::string> empty{std::string()};
    Result<int> zero{0};

    EXPECT_TRUE(empty);
    EXPECT_TRUE(zero);
}

TEST(Result, AnErrorSaysOperationErrnoAndDetail) {
    EXPECT_EQ((Error{ErrorKind::kBusy, "admit"}).to_string(), "admit");
    EXPECT_EQ((Error{ErrorKind::kBusy, "admit", 0, "full"}).to_string(), "admit: full");
    EXPECT_EQ(Error::from_errno("open", ENOENT).to_string(), "open: No such file or directory");
    EXPECT_EQ(Error::from_errno("open", ENOENT, "/a").to_string(),
              "open: No such file or directory (/a)");
    EXPECT_EQ(Error::from_errno("open", ENOENT).kind, ErrorKind::kSystem);
}

TEST(ResultDeathTest, TheValueOfAnErrorIsABug) {
    Result<int> failed = Error{};
    Result<void> failed_void = Error{};

    EXPECT_DEATH((void)failed.value(), "CHECK failed: has_value\\(\\) at .*result.h");
    EXPECT_DEATH((void)*failed, "CHECK failed: has_value");
    EXPECT_DEATH(failed_void.value(), "CHECK failed: has_value");
}

TEST(ResultDeathTest, TheErrorOfAValueIsABug) {
    Result<int> fine = 1;
    Result<void> fine_void;

    EXPECT_DEATH((void)fine.error(), "CHECK failed: !has_value");
    EXPECT_DEATH((void)fine_void.error(), "CHECK failed");
}

}  // namespace
}  // namespace snapjail
