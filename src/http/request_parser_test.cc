#include "http/request_parser.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace snapjail::http {
namespace {

using Progress = RequestParser::Progress;

struct Parsed {
    int refused = 0;  // The status, or 0.
    std::string message = {};
    bool is_complete = false;
    bool is_keep_alive = false;
    Request request = {};
    std::string rest = {};  // What was left for the next request.
};

// Feeds `bytes` in pieces of `piece` bytes, as a connection would.
Parsed parse(std::string_view bytes, ServerLimits limits = {}, std::size_t piece = SIZE_MAX) {
    RequestParser parser(limits);
    boost::beast::flat_buffer buffer;
    Parsed parsed;
    while (!bytes.empty() || buffer.size() > 0) {
        std::string_view part = bytes.substr(0, piece);
        bytes.remove_prefix(part.size());
        buffer.commit(
            boost::asio::buffer_copy(buffer.prepare(part.size()), boost::asio::buffer(part)));
        Progress progress = Progress::kHeaderDone;
        while (progress == Progress::kHeaderDone) {
            progress = parser.feed(buffer);
        }
        if (progress == Progress::kRefused) {
            parsed.refused = parser.refusal().status;
            parsed.message = parser.refusal().message;
            return parsed;
        }
        if (progress == Progress::kComplete) {
            parsed.is_complete = true;
            parsed.is_keep_alive = parser.is_keep_alive();
            parsed.request = parser.take_request();
            parsed.rest =
                std::string(static_cast<const char*>(buffer.cdata().data()), buffer.size());
            parsed.rest += bytes;
            return parsed;
        }
        if (part.empty()) {
            return parsed;
        }
    }
    return parsed;
}

std::string with_headers(std::string_view headers) {
    return "POST /x HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}

TEST(RequestParser, KeepsWhatTheRoutesNeed) {
    Parsed parsed = parse(
        "PATCH /a/b?c=d?e HTTP/1.1\r\nHost: x\r\ncontent-TYPE:  text/x \r\nContent-Length: "
        "3\r\n\r\n"
        "abcGET");

    EXPECT_TRUE(parsed.is_complete);
    EXPECT_EQ(parsed.request.method, "PATCH");
    EXPECT_EQ(parsed.request.path, "/a/b");
    EXPECT_TRUE(parsed.request.has_content_type);
    EXPECT_EQ(parsed.request.content_type, "text/x");
    EXPECT_EQ(parsed.request.body, "abc");
    EXPECT_EQ(parsed.rest, "GET");
}

TEST(RequestParser, AMissingContentTypeIsNotAnEmptyOne) {
    EXPECT_FALSE(parse(with_headers("")).request.has_content_type);
    EXPECT_TRUE(parse(with_headers("Content-Type:\r\n")).request.has_content_type);
}

TEST(RequestParser, AContentTypeSentTwiceIsAList) {
    EXPECT_EQ(
        parse(with_headers("Content-Type: a/b\r\nContent-Type: c/d\r\n")).request.content_type,
        "a/b, c/d");
}

TEST(RequestParser, ThePathOfAnAbsoluteTargetIsWithoutTheHost) {
    EXPECT_EQ(parse("GET http://h:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "/p");
    EXPECT_EQ(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "/");
    EXPECT_EQ(parse("GET http://h?q=/p HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "/");
    EXPECT_EQ(parse("GET //h/p HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "//h/p");
    EXPECT_EQ(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").request.path, "*");
}

TEST(RequestParser, KeepAliveFollowsTheVersionAndTheConnectionHeader) {
    EXPECT_TRUE(parse(with_headers("")).is_keep_alive);
    EXPECT_FALSE(parse(with_headers("Connection: close\r\n")).is_keep_alive);
    EXPECT_FALSE(parse(with_headers("Connection: x, Close\r\n")).is_keep_alive);
    EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").is_keep_alive);
    EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").is_keep_alive);
}

TEST(RequestParser, RefusesWhateverTwoReadersCouldReadDifferently) {
    for (std::string_view headers : {
             "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
             "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
             "Content-Length: 4\r\nContent-Length: 4\r\n",
             "Content-Length: 4\r\nContent-Length: 5\r\n",
             "Content-Length: 4, 4\r\n",
             "Content-Length: +4\r\n",
             "Content-Length: -4\r\n",
             "Content-Length: 0x4\r\n",
             "Content-Length: 4 4\r\n",
             "Content-Length:\r\n",
             "Content-Length: 99999999999999999999999999\r\n",
             "Content-Length : 4\r\n",
             "Transfer-Encoding: gzip\r\n",
             "Transfer-Encoding: identity\r\n",
             "Transfer-Encoding: gzip, chunked\r\n",
             "Transfer-Encoding: chunked, gzip\r\n",
             "Transfer-Encoding: chunked, chunked\r\n",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
             "Transfer-Encoding: xchunked\r\n",
             "Transfer-Encoding: \"chunked\"\r\n",
             "Transfer-Encoding: chunked;a=b\r\n",
             "Transfer-Encoding:\r\n",
             "Transfer-Encoding : chunked\r\n",
             "Host: y\r\n",
         }) {
        EXPECT_EQ(parse(with_headers(headers) + "0\r\n\r\n").refused, 400) << headers;
    }
    EXPECT_EQ(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").refused, 400);
    EXPECT_TRUE(parse(with_headers("Transfer-Encoding: Chunked\r\n") + "0\r\n\r\n").is_complete);
    EXPECT_TRUE(parse(with_headers("Content-Length: 0004\r\n") + "abcd").is_complete);
}

TEST(RequestParser, RefusesWhatIsNotHttp) {
    for (std::string_view bytes : {
             "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
             "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
             "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
             "GET / http/1.1\r\nHost: x\r\n\r\n",
             "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
             "GET /\r\nHost: x\r\n\r\n",
             "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
             " GET / HTTP/1.1\r\nHost: x\r\n\r\n",
             "G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
             "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
             "GET / HTTP/1.1\nHost: x\n\n",
             "GET / HTTP/1.1\r\nHost: x\n\r\n",
             "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
             "GET / HTTP/1.1\r\nHost x\r\n\r\n",
             "GET / HTTP/1.1\r\n: x\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: x\r\nA\x7f: 1\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: x\r\n\rX",
             "GET / HTTP/1.1\r\n\r\n",
         }) {
        EXPECT_EQ(parse(bytes).refused, 400) << bytes;
    }
    std::string with_nul = with_headers("A: b\r\n");
    with_nul[with_nul.find('b')] = '\0';
    EXPECT_EQ(parse(with_nul).refused, 400);
}

TEST(RequestParser, RefusesAFoldedHeader) {
    for (std::string_view header :
         {"A: b\r\n c\r\n", "A: b\r\n\tc\r\n", "A:\r\n b\r\n", "A: \r\n \r\n", "A: b\r\n \r\n",
          "Transfer-Encoding:\r\n chunked\r\n"}) {
        EXPECT_EQ(parse(with_headers(header)).refused, 400) << header;
        EXPECT_EQ(parse(with_headers(header), {}, 1).refused, 400) << header;
    }
    for (std::string_view header :
         {"A:\r\n", "A: \r\n", "A:b\r\n", "A: \t b \t\r\n", "A: b c\r\n"}) {
        EXPECT_TRUE(parse(with_headers(header)).is_complete) << header;
        EXPECT_TRUE(parse(with_headers(header), {}, 1).is_complete) << header;
    }
}

TEST(RequestParser, TakesAHeaderOfExactlyTheLimitAndNotOneByteMoreHoweverItIsCut) {
    ServerLimits limits;
    limits.header_bytes_max = 200;
    std::string frame = with_headers("A: \r\n");
    auto of_size = [&](std::size_t size) {
        return with_headers("A: " + std::string(size - frame.size(), 'a') + "\r\n");
    };

    for (std::size_t piece :
         {std::size_t{1}, std::size_t{7}, std::size_t{199}, std::size_t{1000}}) {
        EXPECT_TRUE(parse(of_size(200), limits, piece).is_complete) << piece;
        EXPECT_EQ(parse(of_size(201), limits, piece).refused, 431) << piece;
    }
}

TEST(RequestParser, AHeaderThatNeverEndsIsRefusedAtTheLimit) {
    ServerLimits limits;
    limits.header_bytes_max = 200;
    std::string lines = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 100; ++i) {
        lines += "A: b\r\n";
    }

    // Pieces of whole lines are what Beast's own limit lets pass.
    EXPECT_EQ(parse(lines, limits, 2).refused, 431);
    EXPECT_EQ(parse(lines, limits, 6).refused, 431);
    EXPECT_EQ(parse(lines.substr(16), limits, 6).refused, 400);
    EXPECT_EQ(parse("GET /" + std::string(1000, 'a'), limits, 10).refused, 431);
    EXPECT_EQ(parse(std::string(1000, 'G'), limits, 10).refused, 431);
    EXPECT_EQ(parse(with_headers("A: b\r\n" + std::string(1000, ' ')), limits, 10).refused, 431);
}

TEST(RequestParser, AMissingBodyIsWaitedFor) {
    Parsed parsed = parse(with_headers("Content-Length: 4\r\n") + "abc");

    EXPECT_FALSE(parsed.is_complete);
    EXPECT_EQ(parsed.refused, 0);
}

TEST(RequestParser, TakesABodyOfExactlyTheLimitAndNotOneByteMore) {
    ServerLimits limits;
    limits.body_bytes_max = 10;

    EXPECT_TRUE(parse(with_headers("Content-Length: 10\r\n") + "0123456789", limits).is_complete);
    Parsed parsed = parse(with_headers("Content-Length: 11\r\n"), limits);
    EXPECT_EQ(parsed.refused, 413);
    EXPECT_EQ(parsed.message, "request body is larger than 10 bytes");
    std::string chunked = with_headers("Transfer-Encoding: chunked\r\n");
    EXPECT_TRUE(parse(chunked + "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", limits).is_complete);
    EXPECT_EQ(parse(chunked + "5\r\n01234\r\n6\r\n", limits).refused, 413);
    EXPECT_EQ(parse(chunked + "b\r\n", limits).refused, 413);
    EXPECT_EQ(parse(chunked + "ffffffffffffffff\r\n", limits).refused, 413);
}

TEST(RequestParser, ABodyOfNoChunksMayTrickleIn) {
    std::string empty = with_headers("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n";
    for (std::size_t piece : {1u, 2u, 3u, 4u}) {
        EXPECT_TRUE(parse(empty, {}, piece).is_complete) << piece;
        EXPECT_EQ(parse(empty + "GET", {}, piece).rest, "GET") << piece;
    }
}

TEST(RequestParser, ReadsChunksWhateverTheirExtensionsAndTrailers) {
    Parsed parsed = parse(with_headers("Transfer-Encoding: chunked\r\n") +
                          "3;a=\"b;c\"\r\nabc\r\n0A\r\n0123456789\r\n000;x\r\nHost: evil\r\n"
                          "Content-Type: evil/x\r\n\r\nrest");

    EXPECT_EQ(parsed.request.body, "abc0123456789");
    EXPECT_FALSE(parsed.request.has_content_type);
    EXPECT_EQ(parsed.rest, "rest");
}

TEST(RequestParser, RefusesBrokenChunks) {
    for (std::string_view chunks :
         {"x\r\n", "-1\r\n", "0x3\r\nabc\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\nabc\n0\n\n",
          "\r\n3\r\nabc", "11111111111111111\r\n", "3 3\r\nabc\r\n",
          "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n", "3\r\nabc\r\n0\r\nbroken\r\n\r\n"}) {
        EXPECT_GE(
            parse(with_headers("Transfer-Encoding: chunked\r\n") + std::string(chunks) + "\r\n\r\n")
                .refused,
            400)
            << chunks;
    }
}

TEST(RequestParser, AChunkHeaderOrTrailerThatNeverEndsIsRefused) {
    ServerLimits limits;
    limits.header_bytes_max = 200;
    std::string chunked = with_headers("Transfer-Encoding: chunked\r\n");

    EXPECT_EQ(parse(chunked + "3;" + std::string(1000, 'a'), limits, 10).refused, 400);
    std::string trailers;
    for (int i = 0; i < 100; ++i) {
        trailers += "A: b\r\n";
    }
    EXPECT_EQ(parse(chunked + "0\r\n" + trailers, limits, 6).refused, 400);
}

TEST(RequestParser, AChunkHeaderOrTrailerMayBeAsLongAsTheLimitHoweverItComes) {
    ServerLimits limits;
    limits.header_bytes_max = 200;
    std::string chunked = with_headers("Transfer-Encoding: chunked\r\n");
    // Of exactly `size` bytes, all that stands between the header and the body, or after it.
    auto chunk = [](std::size_t size) { return "3;" + std::string(size - 4, 'a') + "\r\n"; };
    auto trailer = [](std::size_t size) {
        return "0\r\nA: " + std::string(size - 10, 'b') + "\r\n\r\n";
    };

    for (std::size_t piece : {std::size_t{1}, std::size_t{10}, std::size_t{5000}}) {
        EXPECT_TRUE(parse(chunked + chunk(200) + "abc\r\n0\r\n\r\n", limits, piece).is_complete)
            << piece;
        EXPECT_EQ(parse(chunked + chunk(201) + "abc\r\n0\r\n\r\n", limits, piece).refused, 400)
            << piece;
        EXPECT_TRUE(parse(chunked + trailer(200), limits, piece).is_complete) << piece;
        EXPECT_EQ(parse(chunked + trailer(201), limits, piece).refused, 400) << piece;
    }
}

TEST(RequestParser, OnlyTheExpectationToContinueIsMet) {
    EXPECT_TRUE(parse(with_headers("Expect: 100-CONTINUE\r\n")).is_complete);
    EXPECT_EQ(parse(with_headers("Expect: tea\r\n")).refused, 417);
    EXPECT_EQ(parse(with_headers("Expect: 100-continue, tea\r\n")).refused, 417);
    EXPECT_TRUE(parse("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n").is_complete);
}

TEST(RequestParser, ABodyInAnotherCodingIsRefused) {
    EXPECT_EQ(parse(with_headers("Content-Encoding: gzip\r\n")).refused, 415);
    EXPECT_TRUE(parse(with_headers("Content-Encoding: identity\r\n")).is_complete);
}

TEST(RequestParser, EmptyLinesBeforeARequestAreIgnored) {
    for (std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{100}}) {
        EXPECT_TRUE(parse("\r\n\r\n" + with_headers(""), {}, piece).is_complete) << piece;
    }
    EXPECT_EQ(parse("\r\r\n" + with_headers("")).refused, 400);
    EXPECT_EQ(parse("\n" + with_headers("")).refused, 400);
}

TEST(RequestParser, TheSameBytesMeanTheSameHoweverTheyAreCut) {
    std::mt19937 random(1);
    const std::string samples[] = {
        with_headers("Content-Length: 5\r\nContent-Type: a/b\r\n") + "01234" + "GET",
        with_headers("Transfer-Encoding: chunked\r\n") +
            "3;a\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\nG",
    };
    constexpr std::string_view kBytes = "\r\n :;,0a5\tGHT/.\x80\xff\"";
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = samples[i % 2];
        for (unsigned edits = random() % 4; edits > 0; --edits) {
            std::size_t at = random() % bytes.size();
            char c = kBytes[random() % kBytes.size()];
            switch (random() % 3) {
                case 0:
                    bytes[at] = c;
                    break;
                case 1:
                    bytes.insert(at, 1, c);
                    break;
                default:
                    bytes.erase(at, 1);
            }
        }

        Parsed whole = parse(bytes);
        for (std::size_t piece : {std::size_t{1}, std::size_t{3}}) {
            Parsed cut = parse(bytes, {}, piece);
            // A fault may be seen later in a piece that is not complete, never judged otherwise.
            if (whole.is_complete) {
                ASSERT_TRUE(cut.is_complete) << bytes;
                ASSERT_EQ(cut.request.body, whole.request.body) << bytes;
                ASSERT_EQ(cut.rest, whole.rest) << bytes;
            } else {
                ASSERT_FALSE(cut.is_complete) << bytes;
            }
        }
    }
}

}  // namespace
}  // namespace snapjail::http
