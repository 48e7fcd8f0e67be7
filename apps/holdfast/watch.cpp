#include <signal.h>

#include <atomic>

#include "asking.h"
#include "catalog_names.h"
#include "child.h"
#include "console.h"
#include "show.h"
#include "words.h"

namespace hf::cli {
namespace {

// "version 8: 审核 by Li Lei, DataStatus 4".
std::string bill_line(const holdfast::StatusEvent& bill, const CatalogNames& names) {
  std::string line = tr("version {}", bill.version.value_or(0));
  std::string separator = tr(": ");
  const auto add = [&](const std::string& text) { line += std::exchange(separator, tr(", ")) + text; };
  if (bill.deleted) add(tr("deleted"));
  const std::string by = plain(bill.actor.name.empty() ? bill.actor.user : bill.actor.name);
  if (!bill.action.empty()) add(by.empty() ? names.action(bill.action) : tr("{} by {}", names.action(bill.action), by));
  for (const auto& [column, value] : bill.state) {
    const auto* const number = std::get_if<std::int64_t>(&value);
    add(plain(column) + " " + (number != nullptr ? std::to_string(*number) : plain(std::get<std::string>(value))));
  }
  return line;
}

}  // namespace

int watch(const Arguments& a) {
  Attention attention;
  if (!attention.take()) return exit_unavailable;
  std::atomic<std::uint32_t> seen{0};
  std::atomic<bool> closed{false};
  const CatalogNames names = a.json ? CatalogNames() : CatalogNames::ask(a);
  auto options = options_of(a);
  options.on_watch = [&](const holdfast::WatchEvent& event) {
    if (a.json) {
      say(event.json + "\n");
    } else if (event.what == holdfast::WatchEvent::What::lock_free) {
      say(tr("{}: free", plain(event.target)) + "\n");
    } else if (event.what == holdfast::WatchEvent::What::lock_changed && event.holder) {
      const auto& holder = *event.holder;
      const std::string name = plain(holder.user_name.empty() ? holder.user : holder.user_name);
      say(tr("{}: {} has it, for {}", plain(event.target), name, since(holder.acquired_at)) + "\n");
    } else if (event.bill) {
      say(tr("{}: {}", plain(event.target), bill_line(*event.bill, names)) + "\n");
    } else {
      say(tr("{}: the bill is gone, or not yours to see", plain(event.target)) + "\n");
    }
    ++seen;
    attention.call();
  };
  options.on_link = [&](const holdfast::LinkChange& change) {
    closed = change.link == holdfast::Link::closed;
    attention.call();
  };
  auto client = connect(a, std::move(options));
  if (!client) return report(a, client.error());
  auto checked = check_targets(a, a.targets);
  if (!checked) return report(a, checked.error());
  auto watching = client->watch(a.targets);
  if (!watching) return report(a, watching.error());
  if (a.json) say_event("watch", {{"targets", items_of(*checked)}});
  for (const holdfast::CheckedTarget& item : *checked) {
    if (a.json) continue;
    if (item.conflicts.empty()) say(tr("{}: free", plain(item.target)) + "\n");
    for (const holdfast::Conflict& one : item.conflicts) say(conflict(one));
  }
  while (!closed && output_error() == 0 && (a.count == 0 || seen < a.count)) {
    const auto woken = attention.wait();
    if (woken.output_gone || (woken.signal != 0 && woken.signal != SIGCHLD)) return exit_done;
  }
  return closed ? exit_unavailable : exit_done;
}

}  // namespace hf::cli
