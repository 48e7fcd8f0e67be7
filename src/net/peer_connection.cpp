#include "net/peer_connection.h"

#include <utility>

namespace hf {
namespace {

constexpr std::size_t unsent_read_max = 256 * 1024;  // with more unsent, the peer is not read from
constexpr std::size_t unsent_at_once = 512 * 1024;   // more is written before the turn's end
constexpr std::size_t pipelined_bytes_max = 64 * 1024;

}  // namespace

PeerConnection::PeerConnection(std::shared_ptr<GatewayShared> shared, int socket, Peer peer)
    : held_(std::move(shared)),
      shared_(*held_),
      id_(shared_.next_id++),
      peer_(std::move(peer)),
      bytes_(shared_, socket),
      http_(*this),
      websocket_(*this, shared_.options.message_bytes_max) {
  ++shared_.counts.connections;
}

PeerConnection::~PeerConnection() {
  bytes_.close();
  if (person_ != 0) {
    shared_.shares.give_back(person_, accounted_);
  } else {
    shared_.shares.leave(peer_.address);
  }
  --shared_.counts.connections;
}

void PeerConnection::start() {
  bytes_.set_options();
  set_deadline(shared_.options.header_timeout);
  watch();
}

bool PeerConnection::belong(PersonKey person) {
  if (person == person_) return true;
  if (!shared_.shares.take(person)) return false;
  if (person_ != 0) {
    shared_.shares.give_back(person_, accounted_);
  } else {
    shared_.shares.leave(peer_.address);
  }
  person_ = person;
  accounted_ = 0;
  account();
  return true;
}

void PeerConnection::account() {
  if (person_ == 0) return;
  shared_.shares.unsent_changed(person_, accounted_, unsent());
  accounted_ = unsent();
}

void PeerConnection::start_refused(int status, Code code, std::string_view detail) {
  HttpResponse response = problem_response(status, code, detail, Language::en);  // nothing was read yet
  response.headers.emplace_back("Retry-After", "5");
  http_.refuse(std::move(response));
  watch();
}

// ---------------------------------------------------------------------------------------------- reading

bool PeerConnection::reads_enough() const noexcept { return unsent() <= unsent_read_max; }

bool PeerConnection::may_read() const noexcept {
  if (phase_ == Phase::ended || bytes_.is_broken() || peer_shut_) return false;
  if (phase_ == Phase::closing) return true;
  return reads_enough() && http_.waiting_bytes() <= pipelined_bytes_max + shared_.options.http.header_bytes_max;
}

void PeerConnection::watch() {
  watched_ = interest();
  if (shared_.poller.add(bytes_.socket(), id_, watched_)) return;
  bytes_.break_off();  // the system has no memory for it
  mark_dirty();
}

void PeerConnection::rewatch() {
  if (phase_ == Phase::ended || watched_ == interest()) return;
  watched_ = interest();
  shared_.poller.change(bytes_.socket(), id_, watched_);
}

void PeerConnection::on_ready(const Poller::Ready& ready) {
  if (ready.write && bytes_.is_blocked()) {
    bytes_.unblock();
    mark_dirty();
  }
  if (!ready.read) return rewatch();
  // What is not read from is not asked what came before its end: it would be told so again and again.
  if (ready.broken && !may_read()) return end();
  on_readable();
}

void PeerConnection::on_readable() {
  const SocketBytes::Read read = bytes_.read();
  switch (read.got) {
    case SocketBytes::Got::bytes:
      receive(read.bytes);
      shared_.loop.at_turn_end();
      break;
    case SocketBytes::Got::end: on_peer_shut(); break;
    case SocketBytes::Got::nothing: break;
    case SocketBytes::Got::failure: return end();
  }
  rewatch();
}

// The peer sends no more. What it asked just before is still answered; a request that waits for longer is taken for one
// whose asker went, since a socket does not tell the two apart.
void PeerConnection::on_peer_shut() {
  if (phase_ == Phase::leaving) {
    peer_shut_ = true;
    return mark_dirty();
  }
  if (phase_ == Phase::websocket || (http_.is_answering() && unsent() == 0 && http_.is_late())) return end();
  peer_shut_ = true;
  confirm();
  if (!http_.is_answering() && unsent() == 0 && http_.waiting_bytes() == 0 && !http_.awaits_arrival()) return end();
  if (speaks_http()) set_deadline(shared_.options.half_close);
  mark_dirty();
}

void PeerConnection::receive(std::span<char> bytes) {
  switch (phase_) {
    case Phase::http: return http_.receive(bytes);
    case Phase::websocket: return websocket_.receive(bytes);
    case Phase::leaving:
    case Phase::closing:
    case Phase::ended: return;
  }
}

void PeerConnection::upgraded(const HttpRequest& request) {
  phase_ = Phase::websocket;
  clear_deadline();
  websocket_.open(request);
}

void PeerConnection::receive_upgraded(std::span<char> bytes) {
  if (phase_ == Phase::websocket) receive(bytes);
}

// ---------------------------------------------------------------------------------------------- writing

void PeerConnection::mark_dirty() {
  if (dirty_) return;
  dirty_ = true;
  shared_.dirty.push_back(shared_from_this());
  shared_.loop.at_turn_end();
}

void PeerConnection::check_queue() {
  if (unsent() > unsent_at_once && !bytes_.is_blocked()) bytes_.flush();
  account();
  if (unsent() <= shared_.options.queue_bytes_max) return;
  ++shared_.counts.queue_drops;
  if (speaks_websocket()) {
    close_websocket(close_code::too_slow, "you read too slowly");
  } else {
    bytes_.break_off();
  }
}

void PeerConnection::go_on_with_http() {
  if (!speaks_http() || http_.is_in_hub() || !reads_enough()) return;
  if (!http_.is_answering() && http_.waiting_bytes() > 0) http_.resume();
  if (!peer_shut_ || !speaks_http() || !reads_enough()) return;
  // With no request being answered, there is no whole one left.
  if (!http_.is_answering())
    begin_closing();
  else if (deadline_ == Micros{0})
    set_deadline(shared_.options.half_close);
}

void PeerConnection::turn_end() {
  dirty_ = false;
  if (phase_ == Phase::ended) return;
  if (phase_ == Phase::closing) websocket_.tell_gone();
  go_on_with_http();
  if (has_left()) return end();
  const bool all = !bytes_.is_blocked() && bytes_.flush();
  account();
  if (bytes_.is_broken()) return end();
  // With no request being read or answered, what is left waited for the answers before it to go out.
  if (all && speaks_http() && http_.has_waiting()) mark_dirty();
  if (all && phase_ == Phase::closing) {
    confirm();
    // A socket that is shut on both sides tells nothing more: what the peer has not acknowledged is waited for before.
    if (!http_.awaits_arrival()) {
      bytes_.shut();
      if (peer_shut_) return end();
    }
  }
  if (http_.awaits_arrival() && !confirming_) {
    confirming_ = true;
    shared_.unconfirmed.push_back(weak_from_this());
  }
  rewatch();
}

bool PeerConnection::has_left() const noexcept {
  return http_.awaits_late_writing() && (peer_shut_ || bytes_.peer_has_left());
}

void PeerConnection::confirm() {
  if (http_.awaits_arrival()) http_.arrived(bytes_.acknowledged());
}

void PeerConnection::check_confirmed() {
  confirming_ = false;
  if (phase_ == Phase::ended) return;
  confirm();
  mark_dirty();  // to wait on, or to close
}

// ---------------------------------------------------------------------------------------------- ending

void PeerConnection::begin_leaving() {
  phase_ = Phase::leaving;
  set_deadline(shared_.options.half_close);
  shared_.handler.leaving(id_, shared_.now);
}

void PeerConnection::close_websocket(std::uint16_t code, std::string_view reason) {
  if (!speaks_websocket()) return;
  websocket_.write_close(code, reason);
  begin_closing();
}

void PeerConnection::begin_closing() {
  phase_ = Phase::closing;
  http_.stop();
  set_deadline(shared_.options.close_timeout);
  mark_dirty();
}

void PeerConnection::end() {
  if (phase_ == Phase::ended) return;
  const auto self = shared_from_this();
  phase_ = Phase::ended;
  std::uint64_t known = http_.awaits_arrival() ? bytes_.acknowledged() : bytes_.written();
  if (http_.awaits_beyond(known)) bytes_.forsake_unacknowledged();
  bytes_.close();
  // Of what was written to a peer that resets nobody knows more than that it was written.
  if (bytes_.was_reset()) known = bytes_.written();
  http_.settle(known);
  http_.gone();
  websocket_.tell_gone();
  shared_.connections.erase(id_);
  shared_.loop.at_turn_end();
  shared_.on_ended();
}

void PeerConnection::abort() {
  if (phase_ == Phase::ended) return;
  if (!bytes_.is_blocked()) bytes_.flush();
  // It is us who leave: what was written reaches a peer that lives.
  http_.arrived(bytes_.written());
  end();
}

void PeerConnection::discard() {
  phase_ = Phase::ended;
  bytes_.close();
}

void PeerConnection::drain() {
  http_.keep_alive_no_more();
  if (speaks_http() && !http_.is_answering() && !http_.is_reading()) begin_closing();
}

void PeerConnection::set_deadline(Millis from_now) {
  deadline_ = shared_.now.monotonic + from_now;
  if (deadline_queued_ != Micros{0} && deadline_queued_ <= deadline_) return;
  deadline_queued_ = deadline_;
  shared_.due.push(GatewayShared::Due{deadline_, weak_from_this()});
}

void PeerConnection::check_deadline(Micros key) {
  if (phase_ == Phase::ended || key != deadline_queued_) return;  // a later, earlier deadline took its place
  deadline_queued_ = Micros{0};
  if (deadline_ == Micros{0}) return;
  if (deadline_ > shared_.now.monotonic) {
    deadline_queued_ = deadline_;
    shared_.due.push(GatewayShared::Due{deadline_, weak_from_this()});
    return;
  }
  if (speaks_http() && http_.is_reading()) {
    http_.refuse(problem_response(408, Code::invalid, "The request took too long to arrive.", http_.language()));
  } else if (phase_ == Phase::leaving) {
    close_websocket(close_code::normal, "");  // answered by the peer's own code
  } else {
    end();
  }
}

}  // namespace hf
