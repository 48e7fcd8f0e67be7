#pragma once

// HttpSide is a connection's HTTP: it reads one request after the other, hands each to the hub, writes its answer, and
// tells the hub of the answers that must arrive what became of them. While a request is answered, the next ones wait.
//
// Internal to net: a part of PeerConnection, which outlives it. Not thread-safe: the loop's.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/gateway_shared.h"

namespace hf {

class HttpSide {
 public:
  explicit HttpSide(PeerConnection& connection) : connection_(connection) {}
  HttpSide(const HttpSide&) = delete;
  HttpSide& operator=(const HttpSide&) = delete;

  // ---- requests
  void receive(std::span<char> bytes);
  // Goes on with what was received and had to wait.
  void resume();
  // Something was received that has to wait, though no request is read or answered.
  bool has_waiting() const noexcept { return !is_answering() && !is_reading() && !received_.empty(); }
  std::size_t waiting_bytes() const noexcept { return received_.size(); }
  bool is_reading() const noexcept { return reader_ != nullptr; }
  bool is_answering() const noexcept { return exchange_ != 0; }
  bool is_in_hub() const noexcept { return in_hub_; }
  // The request being answered has waited for so long that its asker does not shut its side any more but to leave.
  bool is_late() const noexcept;

  // ---- answers
  void respond(const HttpResponse& response);
  void refuse(HttpResponse response);  // ours; closes behind it
  // Of what is being read, as far as that is known, or of the newest request.
  Language language() const { return reader_ ? reader_->language() : language_; }
  void begin_stream();
  void stream(std::string_view event);
  void end_stream();

  // ---- answers that must arrive
  bool awaits_arrival() const noexcept { return !unconfirmed_.empty(); }
  // One of them is not written yet, and its peer may have begun to leave meanwhile.
  bool awaits_late_writing() const noexcept;
  // One of them ends behind this place.
  bool awaits_beyond(std::uint64_t place) const noexcept { return awaits_arrival() && unconfirmed_.back().end > place; }
  // The peer has what was queued up to this place.
  void arrived(std::uint64_t place);
  // The socket is closed: what does not end up to this place the peer never gets, or nobody knows.
  void settle(std::uint64_t known);

  // ---- ending
  void keep_alive_no_more() noexcept { keep_alive_ = false; }
  // Reads no more.
  void stop();
  // The request being answered has nobody to answer.
  void gone();

 private:
  struct Unconfirmed {
    ExchangeId exchange = 0;
    std::uint64_t end = 0;  // of the answer, among all bytes that were ever queued
    bool late = false;      // its peer does not shut its side any more but to leave
  };

  // Of the request being read; false: nothing more is to be read now.
  bool read_some(std::span<char>& bytes);
  void serve(HttpIncoming incoming);
  void upgrade(const HttpIncoming& incoming);
  void append_answer(const HttpResponse& response);
  void answer(const HttpResponse& response);
  void finish_exchange();

  PeerConnection& connection_;
  std::string received_;                // not used yet
  std::unique_ptr<HttpReader> reader_;  // while a request is being read
  ExchangeId exchange_ = 0;             // the request being answered; 0: none
  Micros asked_{0};                     // when the newest request was whole
  std::vector<Unconfirmed> unconfirmed_;
  bool in_hub_ = false;       // a request is just being handed over
  std::string allow_origin_;  // whose page made the request being answered, if it may from another address
  bool head_ = false;         // of the request being answered:
  Language language_ = Language::en;
  bool keep_alive_ = true;
  bool chunks_ = true;
};

}  // namespace hf
