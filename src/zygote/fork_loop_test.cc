// A real zygote, driven by the protocol as a front would, or as a front that has lost its mind.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <map>
#include <optional>
#include <vector>

#include "base/syscall.h"
#include "jail/setup_step.h"
#include "zygote/zygote_for_test.h"

namespace snapjail::zygote {
namespace {

// One zygote for all tests of this file; a new front for each.
class ForkLoop : public testing::Test {
  protected:
    struct Told {
        Event event;
        std::vector<UniqueFd> fds;
    };

    static void SetUpTestSuite() {
        auto spec = make_zygote_spec(lean_settings());
        ASSERT_TRUE(spec) << spec.error().to_string();
        auto started = launch_zygote(*spec);
        ASSERT_TRUE(started) << started.error().to_string();
        zygote_.emplace(std::move(*started));
        ASSERT_TRUE(await_ready(*zygote_));
    }
    static void TearDownTestSuite() { zygote_.reset(); }

    void SetUp() override { front_ = new_front(); }
    void TearDown() override {
        if (front_.is_open()) {
            front_.reset();
            EXPECT_TRUE(await_news(*zygote_, NewsKind::kIdle));
        }
    }

    static UniqueFd new_front() {
        auto pair = make_seqpacket_pair();
        EXPECT_TRUE(pair);
        EXPECT_TRUE(attach_front(*zygote_, std::move(pair->second)));
        return std::move(pair->first);
    }
    void send(const Command& command) {
        ASSERT_TRUE(send_with_fds(front_, std::as_bytes(std::span(&command, 1)), {}));
    }
    void spawn(std::uint64_t id, std::uint32_t slot = 0) {
        send({.kind = CommandKind::kSpawn, .slot = slot, .guest_id = id});
    }
    void kill(std::uint64_t id) { send({.kind = CommandKind::kKill, .guest_id = id}); }

    // The next event; a test that hangs here fails.
    Told next_event() {
        Told told;
        EXPECT_TRUE(await_readable(front_.get()));
        auto received =
            receive_with_fds(front_.get(), std::as_writable_bytes(std::span(&told.event, 1)));
        EXPECT_TRUE(received);
        EXPECT_EQ(received->size, sizeof(told.event));
        told.fds = std::move(received->fds);
        return told;
    }
    Told spawned(std::uint64_t id, std::uint32_t slot = 0) {
        spawn(id, slot);
        Told told = next_event();
        EXPECT_EQ(told.event.kind, EventKind::kSpawned);
        EXPECT_EQ(told.event.guest_id, id);
        EXPECT_EQ(told.fds.size(), 3u);
        return told;
    }
    static FrameKind first_frame(const UniqueFd& result) {
        FrameHeader header{FrameKind::kSetupFailed, 0};
        EXPECT_TRUE(await_readable(result.get()));
        EXPECT_EQ(::read(result.get(), &header, sizeof(header)),
                  static_cast<ssize_t>(sizeof(header)));
        return header.kind;
    }
    static bool is_at_end(const UniqueFd& fd) {
        char byte = 0;
        return await_readable(fd.get()) && ::read(fd.get(), &byte, 1) == 0;
    }

    static std::optional<ChildProcess> zygote_;
    UniqueFd front_;
};
std::optional<ChildProcess> ForkLoop::zygote_;

TEST_F(ForkLoop, AGuestComesWithThreePipesAndSaysThatItIsReady) {
    Told told = spawned(7);

    EXPECT_EQ(first_frame(told.fds[2]), FrameKind::kReady);
}

TEST_F(ForkLoop, AKilledGuestIsToldGoneWithItsStatus) {
    Told told = spawned(1);
    ASSERT_EQ(first_frame(told.fds[2]), FrameKind::kReady);

    kill(1);
    Told gone = next_event();

    EXPECT_EQ(gone.event.kind, EventKind::kGone);
    EXPECT_EQ(gone.event.guest_id, 1u);
    EXPECT_TRUE(gone.fds.empty());
    ASSERT_TRUE(WIFSIGNALED(gone.event.wait_status));
    EXPECT_EQ(WTERMSIG(gone.event.wait_status), SIGKILL);
    EXPECT_GT(gone.event.cpu_time_us, 0u);
    EXPECT_TRUE(is_at_end(told.fds[1]));
    EXPECT_TRUE(is_at_end(told.fds[2]));
}

TEST_F(ForkLoop, AGuestWhoseJobNeverComesEndsByItself) {
    Told told = spawned(1);
    ASSERT_EQ(first_frame(told.fds[2]), FrameKind::kReady);

    told.fds[0].reset();
    Told gone = next_event();

    EXPECT_EQ(gone.event.kind, EventKind::kGone);
    EXPECT_EQ(gone.event.wait_status, 0);
}

TEST_F(ForkLoop, AJobHeaderOfAnotherVersionRunsNothing) {
    Told told = spawned(1);
    ASSERT_EQ(first_frame(told.fds[2]), FrameKind::kReady);
    JobHeader header{.version = kProtocolVersion + 1, .script_bytes = 4, .result_bytes_max = 9};

    ASSERT_EQ(::write(told.fds[0].get(), &header, sizeof(header)),
              static_cast<ssize_t>(sizeof(header)));

    EXPECT_EQ(next_event().event.wait_status, 0);
    EXPECT_TRUE(is_at_end(told.fds[2]));
}

TEST_F(ForkLoop, KillingAGuestThatNobodyKnowsIsNothing) {
    kill(4711);

    spawned(2);
}

TEST_F(ForkLoop, ASlotPastTheLastIsASpawnThatFails) {
    spawn(1, kSlotsMax);
    Told told = next_event();

    EXPECT_EQ(told.event.kind, EventKind::kSpawnFailed);
    EXPECT_EQ(told.event.guest_id, 1u);
    EXPECT_EQ(told.event.step, static_cast<std::uint32_t>(jail::SetupStep::kFork));
    EXPECT_EQ(told.event.sys_errno, EINVAL);
    EXPECT_TRUE(told.fds.empty());
    spawned(2, 1);
}

TEST_F(ForkLoop, ACommandThatIsNoneLosesTheFrontAndItsGuests) {
    Told told = spawned(1);
    char byte = 0;

    ASSERT_EQ(::send(front_.get(), &byte, 1, 0), 1);

    EXPECT_TRUE(is_at_end(told.fds[1]));
    EXPECT_TRUE(await_readable(front_.get()));
    EXPECT_EQ(::recv(front_.get(), &byte, 1, 0), 0);
    EXPECT_TRUE(await_news(*zygote_, NewsKind::kIdle));
    front_ = new_front();
    spawned(1);  // The zygote lives on, and knows nothing of the guests before.
}

TEST_F(ForkLoop, AnUnknownKindOfCommandLosesTheFront) {
    send({.kind = static_cast<CommandKind>(99)});

    char byte = 0;
    EXPECT_TRUE(await_readable(front_.get()));
    EXPECT_EQ(::recv(front_.get(), &byte, 1, 0), 0);
}

TEST_F(ForkLoop, AFrontsEndIsTheEndOfItsGuestsAndThenTheZygoteSaysThatItIsIdle) {
    Told told = spawned(1);
    ASSERT_EQ(first_frame(told.fds[2]), FrameKind::kReady);
    pollfd news{zygote_->channel().get(), POLLIN, 0};
    ASSERT_EQ(::poll(&news, 1, 0), 0);

    front_.reset();

    EXPECT_TRUE(await_news(*zygote_, NewsKind::kIdle));
    // Reaped, and not only told to die: its end of the pipe is closed before we are told.
    pollfd end{told.fds[2].get(), POLLIN, 0};
    EXPECT_EQ(::poll(&end, 1, 0), 1);
    front_ = new_front();
    spawned(2);
    EXPECT_EQ(::poll(&news, 1, 0), 0) << "it was told twice";
}

TEST_F(ForkLoop, AFrontWithoutGuestsLeavesAnIdleZygote) {
    front_.reset();

    EXPECT_TRUE(await_news(*zygote_, NewsKind::kIdle));
}

TEST_F(ForkLoop, ASecondFrontEndsTheGuestsOfTheFirstAndHearsNothingOfThem) {
    Told told = spawned(1);
    ASSERT_EQ(first_frame(told.fds[2]), FrameKind::kReady);
    UniqueFd first_front = std::move(front_);

    front_ = new_front();

    EXPECT_TRUE(is_at_end(told.fds[2]));
    char byte = 0;
    EXPECT_EQ(::recv(first_front.get(), &byte, 1, 0), 0);
    spawn(2);
    EXPECT_EQ(next_event().event.guest_id, 2u);
}

TEST_F(ForkLoop, ManyGuestsAreEachToldOnce) {
    constexpr std::uint64_t kGuests = 20;
    std::map<std::uint64_t, Told> guests;
    for (std::uint64_t id = 1; id <= kGuests; ++id) {
        guests[id] = spawned(id, static_cast<std::uint32_t>(id % 4));
    }

    for (auto& [id, told] : guests) {
        kill(id);
    }
    std::map<std::uint64_t, int> ends;
    for (std::uint64_t i = 0; i < kGuests; ++i) {
        Told gone = next_event();
        EXPECT_EQ(gone.event.kind, EventKind::kGone);
        ++ends[gone.event.guest_id];
    }

    EXPECT_EQ(ends.size(), kGuests);
}

}  // namespace
}  // namespace snapjail::zygote
