#include "tests/client/relay.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <list>
#include <vector>

namespace hf::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

struct Pair {
  int client = -1;
  int server = -1;
};

// False once one side is gone.
bool pass(int from, int to, bool swallow) {
  char buffer[16 * 1024];
  const ssize_t got = ::recv(from, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  return swallow || ::send(to, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
}

}  // namespace

Relay::Relay(std::uint16_t server_port) : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 16) == 0 &&
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port_ = ntohs(address.sin_port);
  }
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

Relay::~Relay() {
  stopping_ = true;
  wake();
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

void Relay::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}
void Relay::cut() {
  cutting_ = true;
  wake();
}
void Relay::strand() {
  stranding_ = true;
  cut();
}
void Relay::swallow() { swallowing_ = swallowing_answers_ = true; }
void Relay::swallow_answers() { swallowing_answers_ = true; }
void Relay::let_through() {
  swallowing_ = swallowing_answers_ = false;
  cut();  // what was swallowed would be missing in the middle
}

void Relay::falsify(std::string what, std::string by) {
  std::lock_guard guard(falsifying_);
  what_ = std::move(what);
  by_ = std::move(by);
}

bool Relay::pass_answer(int from, int to) {
  char buffer[16 * 1024];
  const ssize_t got = ::recv(from, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  if (swallowing_answers_) return true;
  std::string said(buffer, static_cast<std::size_t>(got));
  {
    std::lock_guard guard(falsifying_);
    if (const auto at = what_.empty() ? std::string::npos : said.find(what_); at != std::string::npos) {
      said.replace(at, what_.size(), by_);
      what_.clear();
    }
  }
  return ::send(to, said.data(), said.size(), MSG_NOSIGNAL) == got;
}

void Relay::run() {
  std::list<Pair> pairs;
  std::vector<int> stranded;
  const auto end = [](Pair& pair) {
    ::close(pair.client);
    ::close(pair.server);
  };
  while (!stopping_) {
    std::vector<pollfd> fds{{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
    for (const Pair& pair : pairs) {
      fds.push_back({pair.client, POLLIN, 0});
      fds.push_back({pair.server, POLLIN, 0});
    }
    ::poll(fds.data(), fds.size(), -1);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof count);
    std::size_t at = 2;
    const bool cutting = cutting_.exchange(false);
    const bool stranding = stranding_.exchange(false);
    for (auto pair = pairs.begin(); pair != pairs.end(); at += 2) {
      bool open = !cutting;
      if (open && fds[at].revents != 0) open = pass(pair->client, pair->server, swallowing_);
      if (open && fds[at + 1].revents != 0) open = pass_answer(pair->server, pair->client);
      if (!open && stranding) {
        ::close(pair->client);
        stranded.push_back(pair->server);
      } else if (!open) {
        end(*pair);
      }
      pair = open ? std::next(pair) : pairs.erase(pair);
    }
    if (fds[0].revents != 0) {
      Pair pair{::accept(listener_, nullptr, nullptr), ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
      const sockaddr_in address = loopback(server_port_);
      if (::connect(pair.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        pairs.push_back(pair);
      else
        end(pair);
    }
  }
  for (Pair& pair : pairs) end(pair);
  for (const int socket : stranded) ::close(socket);
}

}  // namespace hf::test
