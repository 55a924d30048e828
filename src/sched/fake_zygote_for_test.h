#pragma once
// FakeZygote: the other end of a ZygoteLink, played by the test: it sees each command and says what
// it likes of guests that do not exist. And how to run an io_context until nothing is left to do.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/syscall.h"
#include "sched/guest.h"
#include "zygote/protocol.h"

namespace snapjail::sched {

// All that is ready; what waits for a timer or for the test is left.
inline void settle(boost::asio::io_context& io) {
    do {
        io.restart();
    } while (io.poll() > 0);
}

inline std::string header_bytes(zygote::FrameKind kind, std::size_t payload_bytes) {
    zygote::FrameHeader header{kind, static_cast<std::uint32_t>(payload_bytes)};
    return {reinterpret_cast<const char*>(&header), sizeof(header)};
}

inline void write_all(const UniqueFd& fd, const std::string& bytes) {
    ASSERT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

// The guest's ends of its three pipes.
struct FakeGuest {
    UniqueFd job;
    UniqueFd output;
    UniqueFd result;
};

// Both sides of a guest's pipes: {the front's, the guest's}.
struct FakePipes {
    std::vector<UniqueFd> front;  // In the order of an Event's descriptors.
    FakeGuest guest;
};
inline FakePipes make_fake_pipes() {
    auto job = make_pipe();
    auto output = make_pipe();
    auto result = make_pipe();
    FakePipes pipes;
    pipes.front.push_back(std::move(job->write_end));
    pipes.front.push_back(std::move(output->read_end));
    pipes.front.push_back(std::move(result->read_end));
    pipes.guest = {std::move(job->read_end), std::move(output->write_end),
                   std::move(result->write_end)};
    return pipes;
}

class FakeZygote {
  public:
    FakeZygote() {
        auto pair = make_seqpacket_pair();
        EXPECT_TRUE(pair);
        own_ = std::move(pair->first);
        front_ = std::move(pair->second);
    }

    UniqueFd take_front_end() { return std::move(front_); }
    void die() { own_.reset(); }

    // Those sent since the last call.
    std::vector<zygote::Command> commands() {
        std::vector<zygote::Command> all;
        zygote::Command command;
        while (::recv(own_.get(), &command, sizeof(command), MSG_DONTWAIT) ==
               static_cast<ssize_t>(sizeof(command))) {
            all.push_back(command);
        }
        return all;
    }
    // True when the front has closed its end; commands must have been read before.
    bool is_closed_by_front() {
        char byte = 0;
        return ::recv(own_.get(), &byte, 1, MSG_DONTWAIT) == 0;
    }

    void say(const zygote::Event& event, const std::vector<int>& fds = {}) {
        // Fails when the front has closed: then there is nobody to tell.
        (void)send_with_fds(own_, std::as_bytes(std::span(&event, 1)), fds).has_value();
    }
    void say_spawned(std::uint64_t id) {
        FakePipes pipes = make_fake_pipes();
        std::vector<int> fds;
        for (const UniqueFd& fd : pipes.front) {
            fds.push_back(fd.get());
        }
        guests[id] = std::move(pipes.guest);
        say({.kind = zygote::EventKind::kSpawned, .guest_id = id}, fds);
    }
    void say_ready(std::uint64_t id) {
        write_all(guests[id].result, header_bytes(zygote::FrameKind::kReady, 0));
    }
    void say_failed(std::uint64_t id, int sys_errno) {
        say({.kind = zygote::EventKind::kSpawnFailed, .guest_id = id, .sys_errno = sys_errno});
    }
    void say_gone(std::uint64_t id, int wait_status = SIGKILL) {
        guests.erase(id);
        say({.kind = zygote::EventKind::kGone, .guest_id = id, .wait_status = wait_status});
    }
    void say_bytes(const std::string& bytes) {
        EXPECT_EQ(::send(own_.get(), bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
    }

    std::map<std::uint64_t, FakeGuest> guests;  // Spawned, and not yet said to be gone.

  private:
    UniqueFd own_;
    UniqueFd front_;
};

}  // namespace snapjail::sched
