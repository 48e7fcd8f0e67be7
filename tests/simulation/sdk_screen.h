#pragma once

// The SDK's own core as a client of the simulator: what people will run.

#include "client/todo_core.h"
#include "simulation/screen.h"

namespace hf::sim {

class SdkScreen final : public TodoScreen {
 public:
  void asked() override { ++unanswered_; }
  void hear(std::string_view message) override;
  void left() override {
    core_.subscribing();  // with the next connection
    unanswered_ = 0;
  }
  const Rows& rows() const override { return rows_; }
  const Counts& counts() const override { return counts_; }
  const Editors& editing() const override { return editing_; }
  const std::string& cursor() const override { return core_.cursor(); }
  bool live() const override { return core_.live(); }
  bool doubts() const override { return core_.wants_resubscribe(); }

 private:
  client::TodoCore core_;
  Rows rows_;
  Counts counts_;
  Editors editing_;
  std::size_t unanswered_ = 0;
};

}  // namespace hf::sim
