#include "server/moving.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>

#include "engine/change_codec.h"
#include "engine/namespace_state.h"
#include "net/os_secrets.h"
#include "net/redis_link.h"
#include "redis/redis_engine.h"
#include "server/engine_host.h"
#include "server/said.h"
#include "server/startup.h"
#include "store/embedded/journal.h"

namespace hf {
namespace {

constexpr Millis redis_patience{30'000};  // on top of the quarantine: to join, read everything and write it
constexpr Millis redis_step{20};
constexpr Millis redis_look{1000};  // a node at work has told the log of itself within some ticks of 100 ms

// The changes that `keep` wants; nothing if they are malformed.
template <class F>
std::optional<std::string> filtered(std::string_view changes, F&& keep) {
  std::string kept;
  while (const auto change = take_change(changes)) {
    if (keep(*change)) kept += change->whole;
  }
  return changes.empty() ? std::optional(std::move(kept)) : std::nullopt;
}

std::optional<std::string> without_image(std::string_view changes) {
  return filtered(changes, [](const ChangeView& change) { return change.header.entity != Entity::image; });
}

Kind kind_of(const ChangeView& grant) {
  ByteReader r(grant.body);
  read_stamp(r);
  r.u8();
  return static_cast<Kind>(r.u8());
}

std::optional<LockTree> tree_of(std::string_view changes, const LockTreeOptions& options, Token floor) {
  LockTree tree(options);
  if (!tree.recover(changes) || !tree.recovered(Loop::now().wall, floor) || !tree.check().empty()) return std::nullopt;
  return tree;
}

// The board's part of a state, as it is in `changes`. `restored`: what clients have of it is void.
std::optional<std::string> board_image_of(std::string_view changes, const StatusBoardOptions& options, bool restored) {
  StatusBoard board(options);
  const EpochId fresh{OsSecrets().next_id()};
  const Wall now = Loop::now().wall;
  if (!board.recover(changes) || !board.recovered(now, fresh)) return std::nullopt;
  std::vector<BoardEvent> events;
  std::string journal;
  if (restored) board.apply(BeginEpoch{fresh, "restored"}, now, events, journal);
  if (!board.check().empty()) return std::nullopt;
  std::string image;
  board.image(image);
  return image;
}

std::string image_of(const LockTree& tree) {
  std::string image;
  tree.image(image);
  return image;
}

void count(MoveCounts& counts, std::string_view changes, LockTree& tree) {
  while (const auto change = take_change(changes)) {
    if (change->header.entity != Entity::grant) continue;
    const Kind kind = kind_of(*change);
    ++(kind == Kind::hold ? counts.holds : kind == Kind::edit ? counts.edits : counts.temporaries);
  }
  std::vector<LockEvent> events;
  std::string journal;
  const LockOutcome outcome = tree.apply(GetStats{}, Loop::now().wall, events, journal);
  ++counts.namespaces;
  if (const auto* stats = std::get_if<Stats>(&outcome)) {
    counts.sessions += stats->sessions;
    counts.queued += stats->waits - stats->asks;
    counts.requests += stats->asks;
  }
}

// ------------------------------------------------------------------------------------------- the embedded engine

Result<Backup> take_embedded(const std::string& directory, const LockTreeOptions& options,
                             const StatusBoardOptions& board) {
  if (!std::filesystem::exists(directory + "/holdfast.db"))
    return fail(Code::not_found, "There is nothing to back up in " + directory + ": it has no holdfast.db.");
  auto journal = Journal::open(directory);
  if (!journal) return tl::unexpected(journal.error());
  std::deque<NamespaceState> states;
  for (std::size_t i = 0; i < (*journal)->namespaces().size(); ++i) states.emplace_back(options, board);
  const auto loaded =
      (*journal)->load([&](NamespaceIndex ns, std::string_view changes) { return states[ns].recover(changes); });
  if (!loaded) return tl::unexpected(loaded.error());
  Backup backup;
  backup.at = Loop::now().wall;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Journal::Namespace& known = (*journal)->namespaces()[i];
    if (!states[i].recovered(backup.at, known.ceiling, EpochId{OsSecrets().next_id()}))
      return fail(Code::unavailable, directory + " contradicts itself in namespace " + known.name +
                                         ", or was written under other limits: give the configuration it ran with.");
    backup.parts.push_back({known.name, {}});
    states[i].image(backup.parts.back().image);
  }
  return backup;
}

Result<void> put_embedded(const std::string& directory, const LockTreeOptions& options, const Backup& backup) {
  auto journal = Journal::open(directory);
  if (!journal) return tl::unexpected(journal.error());
  if (auto loaded = (*journal)->load([](NamespaceIndex, std::string_view) { return true; }); !loaded) return loaded;
  if (!(*journal)->namespaces().empty())
    return fail(Code::invalid, directory + " is not empty: it has been in use. Name a new directory.");
  std::vector<std::string> names;
  std::vector<std::string> changes;
  std::vector<JournalSection> sections;
  for (const Backup::Part& part : backup.parts) {
    const auto tree = tree_of(part.image, options, 0);
    auto kept = without_image(part.image);
    if (!tree || !kept) return fail(Code::invalid, "Namespace " + part.ns + " of the backup contradicts itself.");
    names.push_back(part.ns);
    changes.push_back(*std::move(kept));
    sections.push_back({static_cast<NamespaceIndex>(sections.size()), {}, tree->last_token()});
  }
  for (std::size_t i = 0; i < sections.size(); ++i) sections[i].changes = changes[i];
  return (*journal)->commit({Loop::now().wall, names, sections});
}

// ----------------------------------------------------------------------------------------------- the Redis engine

struct NoSink final : LockEngineSink {
  void on_outcome(Ticket, Outcome&&) override {}
  void on_event(NamespaceIndex, const Event&) override {}
  void on_turn_end() override {}
  void on_failed(std::string) override {}
};

// A node that comes, looks or brings the state, and goes.
class RedisVisit {
 public:
  RedisVisit(const Config& config, const Catalog& catalog, std::optional<redis::BaseImage> bring)
      : config_(config), options_(redis_engine_options(config, catalog)), bring_(std::move(bring)) {}

  Result<redis::BaseImage> run() {
    auto url = redis::parse_url(config_.redis);
    if (!url) return tl::unexpected(url.error());
    url_ = *std::move(url);
    place_ = url_.text() + ", installation " + options_.name;
    options_.self = secrets_.next_id();
    options_.random = [this] { return secrets_.next_id(); };
    options_.node = bring_ ? "restore" : "backup";
    asker_ = link("holdfast-move");
    asker_->send({"EXISTS", redis::Engine::key_of(options_.name)}, config_.redis_timeout,
                 [this](const Result<redis::Reply>& reply) { asked(reply); });
    deadline_ = Loop::now().monotonic + config_.redis_quarantine + redis_patience;
    loop_.every(redis_step, [this] { step(); });
    loop_.run();
    return std::move(result_);
  }

 private:
  std::unique_ptr<RedisLink> link(const char* name) {
    LinkOptions options;
    options.key = redis::Engine::key_of(options_.name);
    options.name = name;
    return RedisLink::open(loop_, url_, std::move(options));
  }

  void end(Result<redis::BaseImage> result) {
    result_ = std::move(result);
    ended_ = true;
    if (!engine_) return loop_.stop();
    engine_->leave([this] { loop_.stop(); });
  }

  tl::unexpected<Error> not_empty() const {
    return fail(Code::invalid, place_ + " is not empty: its log has entries. Give another --name, or another Redis.");
  }

  void asked(const Result<redis::Reply>& reply) {
    if (!reply) return end(fail(Code::unavailable, place_ + " does not answer: " + reply.error().detail));
    if (reply->is_error()) return end(fail(Code::unavailable, place_ + " refuses: " + reply->text));
    if (bring_ && reply->integer != 0) return end(not_empty());
    if (!bring_ && reply->integer == 0)
      return end(fail(Code::not_found, "There is nothing to back up in " + place_ + ": it has no log."));
    writer_ = link("holdfast-write");
    reader_ = link("holdfast-read");
    engine_ = std::make_unique<redis::Engine>(options_, *writer_, *reader_);
    engine_->attach(sink_);
    if (bring_ && !engine_->begin_with(*bring_)) {
      engine_.reset();
      end(fail(Code::invalid, "The backup contradicts itself."));
    }
  }

  void step() {
    if (ended_ || !engine_) return;
    engine_->tick();
    std::string why;
    const bool live = engine_->ready(why);
    if (Loop::now().monotonic > deadline_) return end(fail(Code::unavailable, place_ + ": " + why));
    if (!live || engine_->busy()) return;
    auto image = redis::read_base_image(engine_->image());
    if (!image || !image->members.contains(options_.self)) return;  // the others do not know of this node yet
    if (!joined_at_) joined_at_ = Loop::now().monotonic;
    if (!bring_ && Loop::now().monotonic < *joined_at_ + redis_look) return;
    if (bring_ && engine_->counters().resets != 0) return end(not_empty());
    for (const auto& [id, member] : image->members) {
      if (id == options_.self) continue;
      return end(fail(Code::unavailable, place_ + " is in use by node " + member.name +
                                             ": stop it; one that was killed is forgotten after 20 s."));
    }
    if (std::string broken = engine_->check(); !broken.empty())
      return end(fail(Code::unavailable, place_ + " contradicts itself: " + broken));
    end(*std::move(image));
  }

  const Config& config_;
  Loop loop_;
  OsSecrets secrets_;
  NoSink sink_;
  redis::Url url_;
  std::string place_;
  redis::EngineOptions options_;
  std::optional<redis::BaseImage> bring_;
  Micros deadline_{0};
  std::optional<Micros> joined_at_;
  Result<redis::BaseImage> result_;
  bool ended_ = false;
  std::unique_ptr<RedisLink> asker_, writer_, reader_;
  std::unique_ptr<redis::Engine> engine_;
};

Result<Backup> take_redis(const Config& config, const Catalog& catalog) {
  auto image = RedisVisit(config, catalog, std::nullopt).run();
  if (!image) return tl::unexpected(image.error());
  Backup backup;
  backup.at = Loop::now().wall;
  for (redis::BaseImage::Tree& tree : image->trees) backup.parts.push_back({tree.ns, std::move(tree.image)});
  return backup;
}

Result<void> put_redis(const Config& config, const Catalog& catalog, const Backup& backup) {
  redis::BaseImage image;
  image.number = 1;
  // Before any entry that Redis makes, and a place that no other log knows, also none that another restore began.
  image.last = "0-" + std::to_string(OsSecrets().next_id().lo >> 1);
  for (const Backup::Part& part : backup.parts) image.trees.push_back({part.ns, part.image});
  const auto brought = RedisVisit(config, catalog, std::move(image)).run();
  if (!brought) return tl::unexpected(brought.error());
  return {};
}

// ------------------------------------------------------------------------------------------------- the commands

std::string text(std::uint64_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

std::string locks_text(const MoveCounts& counts) {
  return text(counts.edits, "edit lock", "edit locks") + ", " +
         text(counts.temporaries, "temporary lock", "temporary locks");
}

std::string people_text(const MoveCounts& counts) {
  return text(counts.sessions, "session", "sessions") + ", " + text(counts.queued, "queued wait", "queued waits") +
         " and " + text(counts.requests, "request", "requests");
}

int tell(const Error& error) {
  std::fprintf(stderr, "holdfastd: %s\n", said(error.detail).c_str());
  return 1;
}

std::string place_of(const Config& config) {
  return config.engine == "redis" ? "installation " + config.redis_name + " in Redis" : config.data;
}

}  // namespace

Result<Backup> take_state(const Config& config, const Catalog& catalog) {
  if (config.engine == "redis") return take_redis(config, catalog);
  return take_embedded(config.data, tree_options(config, catalog), board_options(config, catalog));
}

Result<Backup> load_backup(const std::string& path, std::size_t bytes_max) {
  const auto bytes = read_file(path, bytes_max);
  if (!bytes) return tl::unexpected(bytes.error());
  return read_backup(*bytes, path);
}

Result<MoveCounts> prepare(Backup& backup, const Config& config, const Catalog& catalog, Restore restore) {
  const LockTreeOptions options = tree_options(config, catalog);
  MoveCounts counts;
  for (Backup::Part& part : backup.parts) {
    const auto wrong = fail(Code::invalid, "Namespace " + part.ns +
                                               " of the backup contradicts itself, or was written under other limits: "
                                               "give the configuration it ran with.");
    const auto all = without_image(part.image);
    if (!all) return wrong;
    auto tree = tree_of(*all, options, 0);
    if (!tree) return wrong;
    const Token last = tree->last_token();
    count(counts, *all, *tree);
    if (restore == Restore::only_holds) {
      const auto kept = filtered(*all, [](const ChangeView& change) {
        const Entity entity = change.header.entity;
        return entity == Entity::meta || entity == Entity::stops ||
               (entity == Entity::grant && kind_of(change) == Kind::hold);
      });
      const auto clock = static_cast<Token>(to_us(Loop::now().wall));  // which tokens follow, if nothing else
      tree = tree_of(*kept, options, std::max(last, clock) + token_raise);
      if (!tree) return wrong;
    }
    const auto board = board_image_of(*all, board_options(config, catalog), restore == Restore::only_holds);
    if (!board) return wrong;
    part.image = image_of(*tree) + *board;
  }
  return counts;
}

Result<void> put_state(const Backup& backup, const Config& config, const Catalog& catalog) {
  if (config.engine == "redis") return put_redis(config, catalog, backup);
  return put_embedded(config.data, tree_options(config, catalog), backup);
}

int run_backup(const Config& config, const std::string& path) {
  const auto catalog = open_catalog(config);
  if (!catalog) return tell(catalog.error());
  if (std::error_code ignored; std::filesystem::exists(path, ignored))
    return tell({Code::invalid, path + " is there already: name a new file, or remove it first.", {}});
  const auto backup = take_state(config, *catalog);
  if (!backup) return tell(backup.error());
  Backup counted = *backup;
  const auto counts = prepare(counted, config, *catalog, Restore::whole);
  if (!counts) return tell(counts.error());
  if (const auto saved = save_backup(path, *backup); !saved) return tell(saved.error());
  std::puts(said(path + " holds " + text(counts->namespaces, "namespace", "namespaces") + " of " + place_of(config) +
                 ": " + text(counts->holds, "hold", "holds") + ", " + locks_text(*counts) + ", " +
                 people_text(*counts) + ".")
                .c_str());
  return 0;
}

int run_restore(const Config& config, const std::string& path, Restore restore) {
  const auto catalog = open_catalog(config);
  if (!catalog) return tell(catalog.error());
  auto backup = load_backup(path);
  if (!backup) return tell(backup.error());
  const auto counts = prepare(*backup, config, *catalog, restore);
  if (!counts) return tell(counts.error());
  if (const auto put = put_state(*backup, config, *catalog); !put) return tell(put.error());
  const std::string holds = text(counts->holds, "hold", "holds");
  if (restore == Restore::whole)
    std::puts(said(place_of(config) + " has all of " + path + ": " + holds + ", " + locks_text(*counts) + ", " +
                   people_text(*counts) + ".")
                  .c_str());
  else
    std::puts(said(place_of(config) + " has the " + holds + " of " + path + ". Dropped: " + locks_text(*counts) + ", " +
                   people_text(*counts) + ".")
                  .c_str());
  return 0;
}

}  // namespace hf
