#pragma once

// An action of the ERP's own under Holdfast's guard, in one call:
//
//   auto end = client.run({.action = "approve", .bills = {"SaleOut:77", "SaleOrder:1001"}}, [&](holdfast::Run& run) {
//     return erp.approve(77, run.token("SaleOut:77"));
//   });
//
// approve() writes in one transaction, fenced. It returns the events that it committed, or why it committed nothing.
//
// Nobody else edits the bills, and no other action runs on them, between the beginning and the end. Clients that see
// the bills see what is done to them. Bills that this client edits count as held already, under their own tokens.
//
// What counts is the ERP's commit. If this process dies, or is not heard of for a minute, the locks end and the run is
// `unknown`: then the write has to be refused by its fence (Run::token, docs/fencing.md), and what was committed
// settles the run as soon as it is published.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "holdfast/result.h"
#include "holdfast/status.h"

namespace holdfast {

struct RunOf {
  std::string action;              // the catalog's name, Chinese names and aliases too: "approve", "审核"
  std::vector<std::string> bills;  // first the one acted upon, then those that it changes: its source, its target
  Millis wait{5'000};              // for other actions, up to 20 s; somebody who edits is never waited for
  Millis deadline{0};              // of each message; 0: that of the client's options
};

class Client;

// A run while it goes on; used by the thread that does its work.
class Run {
 public:
  const std::string& id() const noexcept { return id_; }
  // What the write of this bill is fenced with; 0 for one that the run does not name.
  Token token(const std::string& bill) const;
  // Tells how far it is, and that it lives: at least once a minute. An error means that its locks are gone: roll back.
  Result<Nothing> step(const std::string& what = {});

 private:
  friend class Client;
  Run(Client& client, Millis deadline) : client_(client), deadline_(deadline) {}
  Client& client_;
  Millis deadline_;
  std::string id_;
  std::map<std::string, Token> tokens_;
};

// How a run ended whose work was done.
struct RunEnd {
  std::string run;
  // False: the server was not told, and the work is done all the same. The run is settled by the events of its bills,
  // once they are published with the run as their `cause`.
  bool told = true;
  Error why;  // not told
};

// Does the work. The events say what its bills are now; none if an outbox publishes them. An error means that nothing
// was committed.
using RunWork = std::function<Result<std::vector<StatusEvent>>(Run& run)>;

}  // namespace holdfast
