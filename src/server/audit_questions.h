#pragma once

// AuditQuestions answers audit.list on the worker: the hub asks, and gets the answer later.
//
// Not thread-safe: the loop's. No answer comes once the worker has stopped.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "server/engine_host.h"
#include "session/audit_reader.h"

namespace hf {

class AuditQuestions final : public AuditReader {
 public:
  using Told = std::function<void(Ticket, Result<AuditAnswer>&&)>;
  // `engine` outlives the worker's stop. An answer has up to `lines_max` lines.
  AuditQuestions(EngineHost& engine, std::uint32_t lines_max, Told told)
      : engine_(engine), lines_max_(lines_max), told_(std::move(told)) {}

  Result<void> ask(Ticket ticket, NamespaceIndex ns, AuditQuestion question) override;
  void cancel(Ticket ticket) override;

 private:
  EngineHost& engine_;
  const std::uint32_t lines_max_;
  const Told told_;
  std::map<Ticket, std::shared_ptr<std::atomic<bool>>> asked_;  // true: cancelled
};

}  // namespace hf
