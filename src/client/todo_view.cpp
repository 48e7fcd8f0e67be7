#include "holdfast/todo_view.h"

#include "client/client_body.h"

namespace holdfast {

using hf::client::Core;
using hf::client::Followed;
using hf::client::Reply;
using hf::client::Time;
using hf::client::TodoKey;

struct TodoView::State {
  std::shared_ptr<Followed> followed;
  std::weak_ptr<Client::Body> body;
};

std::string_view name_of(TodoState state) noexcept {
  constexpr std::string_view names[] = {"connecting", "catching_up", "live", "closed"};
  return names[static_cast<std::size_t>(state)];
}

Result<TodoView> TodoView::open(Client& client, TodoOptions options) {
  auto followed = std::make_shared<Followed>();
  followed->options = std::move(options);
  auto begun = client.body_->wait<Nothing>(
      [followed](Core& core, Time now, Reply<Nothing> reply) { core.follow(now, followed, std::move(reply)); });
  if (!begun) return tl::unexpected(std::move(begun.error()));
  return TodoView(std::make_unique<State>(State{std::move(followed), client.body_}));
}

TodoView::TodoView(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
TodoView::TodoView(TodoView&&) noexcept = default;
TodoView& TodoView::operator=(TodoView&& other) noexcept {
  if (this != &other) {
    TodoView former(std::move(*this));
    state_ = std::move(other.state_);
  }
  return *this;
}
TodoView::~TodoView() {
  if (state_ == nullptr) return;
  state_->followed->alive->store(false);
  if (auto body = state_->body.lock()) {
    body->post([followed = state_->followed](Core& core, Time now) { core.unfollow(now, followed); });
  }
}

TodoState TodoView::state() const {
  std::lock_guard guard(state_->followed->mutex);
  return state_->followed->state;
}

Error TodoView::why() const {
  std::lock_guard guard(state_->followed->mutex);
  return state_->followed->why;
}

Result<Nothing> TodoView::wait_live(Millis at_most) const {
  Followed& followed = *state_->followed;
  std::unique_lock lock(followed.mutex);
  followed.changed.wait_for(lock, at_most,
                            [&] { return followed.state == TodoState::live || followed.state == TodoState::closed; });
  if (followed.state == TodoState::live) return Nothing{};
  if (followed.state == TodoState::closed) return tl::unexpected(followed.why);
  return failure(Code::unavailable, "the to-do tree has not caught up yet");
}

TodoCounts TodoView::counts() const {
  std::lock_guard guard(state_->followed->mutex);
  return state_->followed->todo.counts();
}

std::vector<TodoRow> TodoView::rows(const std::string& type, const std::string& group) const {
  std::lock_guard guard(state_->followed->mutex);
  const hf::client::TodoRowMap& all = state_->followed->todo.rows();
  std::vector<TodoRow> found;
  for (auto at = all.lower_bound(TodoKey{type, type.empty() ? std::string() : group, {}}); at != all.end(); ++at) {
    if (!type.empty() && at->first.type != type) break;
    if (!group.empty() && at->first.group != group) {
      if (!type.empty()) break;
      continue;
    }
    found.push_back(at->second);
  }
  return found;
}

std::size_t TodoView::size() const {
  std::lock_guard guard(state_->followed->mutex);
  return state_->followed->todo.rows().size();
}

std::string TodoView::cursor() const {
  std::lock_guard guard(state_->followed->mutex);
  return state_->followed->todo.cursor();
}

}  // namespace holdfast
