#pragma once
// ZygoteLink: the front's end of its socket to one zygote. Commands go out, events come in; it
// holds no state of guests. One thread.

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "zygote/protocol.h"

namespace snapjail::sched {

class ZygoteLink : public std::enable_shared_from_this<ZygoteLink> {
  public:
    using OnEvent = std::function<void(const zygote::Event&, std::vector<UniqueFd>)>;
    using OnLost = std::function<void()>;  // Called once: the zygote has gone, or talks nonsense.

    ZygoteLink(boost::asio::io_context& io, UniqueFd socket);
    void start(OnEvent on_event, OnLost on_lost);

    void send(const zygote::Command& command);

    // No callback is called after this. The zygote ends all guests of ours when the socket closes.
    void close();

  private:
    void wait_for_events();
    void receive_all();
    void flush();
    void lose();

    boost::asio::posix::stream_descriptor socket_;
    OnEvent on_event_;
    OnLost on_lost_;
    // Bounded by the slots: at most one spawn and one kill is under way for each.
    std::deque<zygote::Command> outbox_;
    bool is_waiting_to_write_ = false;
};

}  // namespace snapjail::sched
