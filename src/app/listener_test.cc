#include "app/listener.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace snapjail::app {
namespace {

TEST(Listener, PortZeroTakesAFreeOneAndTellsWhich) {
    auto listener = bind_listener("127.0.0.1", 0);

    ASSERT_TRUE(listener.has_value());
    EXPECT_GT(listener->port, 0);
    EXPECT_TRUE(start_listening(*listener).has_value());
}

TEST(Listener, APortThatIsTakenIsRefusedByName) {
    auto first = bind_listener("127.0.0.1", 0);
    ASSERT_TRUE(first.has_value());
    ASSERT_TRUE(start_listening(*first).has_value());

    auto second = bind_listener("127.0.0.1", first->port);

    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().sys_errno, EADDRINUSE);
    EXPECT_NE(second.error().detail.find(std::to_string(first->port)), std::string::npos);
}

TEST(Listener, AnAddressOfAnotherMachineIsRefused) {
    auto listener = bind_listener("192.0.2.1", 0);  // RFC 5737: nobody's.

    ASSERT_FALSE(listener.has_value());
    EXPECT_EQ(listener.error().sys_errno, EADDRNOTAVAIL);
}

TEST(Listener, AnIpV6AddressIsWrittenInBrackets) {
    EXPECT_EQ(url_of("127.0.0.1", 8080), "http://127.0.0.1:8080");
    EXPECT_EQ(url_of("::1", 80), "http://[::1]:80");
}

}  // namespace
}  // namespace snapjail::app
