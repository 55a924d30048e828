#include "sched/zygote_link.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <utility>

#include "base/syscall.h"

namespace snapjail::sched {

using boost::asio::posix::stream_descriptor;

ZygoteLink::ZygoteLink(boost::asio::io_context& io, UniqueFd socket)
    : socket_(io, socket.release()) {
    socket_.non_blocking(true);
}

void ZygoteLink::start(OnEvent on_event, OnLost on_lost) {
    on_event_ = std::move(on_event);
    on_lost_ = std::move(on_lost);
    wait_for_events();
}

void ZygoteLink::close() {
    on_event_ = nullptr;
    on_lost_ = nullptr;
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void ZygoteLink::send(const zygote::Command& command) {
    outbox_.push_back(command);
    flush();
}

void ZygoteLink::flush() {
    while (!outbox_.empty() && socket_.is_open() && !is_waiting_to_write_) {
        const zygote::Command& command = outbox_.front();
        ssize_t rc =
            ::send(socket_.native_handle(), &command, sizeof(command), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (rc >= 0) {
            outbox_.pop_front();
        } else if (errno == EAGAIN) {
            is_waiting_to_write_ = true;
            socket_.async_wait(stream_descriptor::wait_write,
                               [self = shared_from_this()](boost::system::error_code error) {
                                   self->is_waiting_to_write_ = false;
                                   if (!error) {
                                       self->flush();
                                   }
                               });
        } else if (errno != EINTR) {
            return;  // The zygote has gone: the reading side notices, and says so once.
        }
    }
}

void ZygoteLink::wait_for_events() {
    socket_.async_wait(stream_descriptor::wait_read,
                       [self = shared_from_this()](boost::system::error_code error) {
                           if (!error) {
                               self->receive_all();
                           }
                       });
}

void ZygoteLink::receive_all() {
    while (socket_.is_open()) {
        zygote::Event event;
        auto received =
            receive_with_fds(socket_.native_handle(), std::as_writable_bytes(std::span(&event, 1)));
        if (!received && received.error().sys_errno == EAGAIN) {
            wait_for_events();
            return;
        }
        if (!received || received->size != sizeof(event)) {
            lose();
            return;
        }
        OnEvent on_event = on_event_;  // It may close this link, and with it end itself.
        if (on_event) {
            on_event(event, std::move(received->fds));
        }
    }
}

void ZygoteLink::lose() {
    OnLost on_lost = std::move(on_lost_);
    close();
    if (on_lost) {
        on_lost();
    }
}

}  // namespace snapjail::sched
