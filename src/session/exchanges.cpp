#include <algorithm>

#include "base/assert.h"
#include "base/sentences.h"
#include "session/http_routes.h"
#include "session/hub_state.h"
#include "wire/json_writer.h"

namespace hf {

using session::bearer_token;
using session::find_route;
using session::Page;

namespace {

constexpr std::string_view problem_type = "application/problem+json";

// RFC 9110 §8.3.1: the letters' case means nothing, nor do blanks before the parameters.
bool is_json(std::string_view content_type) noexcept {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return content_type.empty() || session::equals_ignoring_case(type, "application/json");
}

HttpResponse problem(const Error& error, Language language) {
  HttpResponse response;
  response.status = code_http_status(error.code);
  response.content_type = problem_type;
  response.body = encode_problem(error, language);
  response.refusal = error.code;
  return response;
}

HttpResponse method_not_allowed(std::string allow, Language language) {
  const auto in_its_language = [&](const std::string& sentence) {
    return language == Language::zh ? in_chinese(sentence) : sentence;
  };
  HttpResponse response;
  response.status = 405;
  response.content_type = problem_type;
  JsonWriter(response.body)
      .begin_object()
      .field("type", "about:blank")
      .field("title", in_its_language("This path has no such method."))
      .key("status")
      .number(405)
      .field("code", "invalid")
      .field("detail", in_its_language("Methods of this path: " + allow))
      .end_object();
  response.headers.emplace_back("Allow", std::move(allow));
  response.refusal = Code::invalid;
  return response;
}

Error no_such_path() { return Error{Code::not_found, "There is no such path.", {}}; }

HttpResponse metrics_page(const HubOptions& options, Language language) {
  if (!options.metrics_text) return problem(no_such_path(), language);
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4";
  response.body = options.metrics_text();
  return response;
}

// RFC 9110 §13.1.2: a list, or "*"; a weak tag is as good as a strong one.
bool names_tag(std::string_view if_none_match, std::string_view tag) noexcept {
  while (!if_none_match.empty()) {
    const std::size_t end = if_none_match.find(',');  // our tags have no comma
    std::string_view one = if_none_match.substr(0, end);
    if_none_match.remove_prefix(end == std::string_view::npos ? if_none_match.size() : end + 1);
    while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
    while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == tag || one == "*") return true;
  }
  return false;
}

// `body`, or 304 for a client that has it: `tag` is its entity tag.
HttpResponse tagged(const HttpRequest& request, const std::string& body, const std::string& tag) {
  HttpResponse response;
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  if (names_tag(request.if_none_match, tag)) {
    response.status = 304;
    response.content_type.clear();
  } else {
    response.body = body;
  }
  return response;
}

// What the fields of an HTTP request come to: body, then query, then path, each overriding.
Result<Fields> fields_of(Op op, const HttpRequest& request, const session::RouteFound& found,
                         const ParseLimits& limits) {
  auto fields = parse_fields(op, request.body, limits);
  if (!fields) return fields;
  for (const auto& [name, value] : request.query) {
    if (auto set = set_field(*fields, name, value, limits); !set) return tl::unexpected(std::move(set.error()));
  }
  for (const auto& [name, value] : found.fields) {
    if (auto set = set_field(*fields, name, value, limits); !set) return tl::unexpected(std::move(set.error()));
  }
  if (!request.idempotency_key.empty()) {
    std::string* const request_id = request_id_field(*fields);
    if (request_id != nullptr && !request_id->empty() && *request_id != request.idempotency_key) {
      return fail(Code::invalid, "Idempotency-Key and request_id are the same thing, but differ.", "request_id");
    }
    if (request_id != nullptr) {
      if (request.idempotency_key.size() > request_id_bytes_max)
        return fail(Code::too_large, "A request id has up to 64 bytes.", "request_id");
      *request_id = request.idempotency_key;
    }
  }
  if (auto whole = check_fields(*fields); !whole) return tl::unexpected(std::move(whole.error()));
  return fields;
}

}  // namespace

void Hub::State::http(ExchangeId id, HttpRequest& request) {
  const Language language = language_of(request.accept_language);
  Exchange exchange;
  exchange.language = language;
  exchanges.insert_or_assign(id, std::move(exchange));
  const auto found = find_route(request.method, request.path);
  if (found.route == nullptr) {
    return respond(id,
                   found.allow.empty() ? problem(no_such_path(), language) : method_not_allowed(found.allow, language));
  }
  switch (found.route->page) {
    case Page::operation: break;
    case Page::health: return respond(id, 200, R"({"status":"live"})");
    case Page::ready: {
      std::string why;
      const bool is_ready = ready(why);
      std::string body;
      JsonWriter(body).begin_object().field("status", is_ready ? "ready" : "not_ready").some("why", why).end_object();
      return respond(id, is_ready ? 200 : 503, std::move(body));
    }
    case Page::metrics: return respond(id, metrics_page(options, language));
    case Page::openapi: {
      if (options.openapi.empty()) return respond(id, problem(no_such_path(), language));
      HttpResponse response = tagged(request, options.openapi, openapi_etag);
      if (response.status == 200) response.content_type = "application/yaml";
      return respond(id, std::move(response));
    }
    case Page::dev_token: return dev_token(id, request, language);
    case Page::login: return login(id, request, language);
    case Page::login_code: return login_code(id, request, language);
    case Page::logout: return logout(id, request, language);
  }

  std::string_view token;
  auto who = bearer_of(request, token);
  if (!who) return respond_failed(id, request, who.error(), language);
  if (!transport.belongs(request.connection, (*who)->person)) {
    Refusal crowded = session::refusal_of(Code::too_many, "You have as many connections as you may: close one.");
    crowded.retry_after = session::retry_later;
    return respond_refusal(id, crowded, view_of(Face::http, language, **who));
  }
  if (const auto refusal = refuses_to_hear(**who, request.connection))
    return respond_refusal(id, *refusal, view_of(Face::http, language, **who));
  // A browser sends other content types across origins without asking; a bearer token it cannot send so.
  if (!request.body.empty() && request.authorization.empty() && !is_json(request.content_type)) {
    return respond_error(id, Error{Code::invalid, "Send the body as application/json.", "Content-Type"}, language);
  }
  ParseLimits limits;
  limits.targets_max = options.limits.targets_per_acquire_max;
  const Op op = found.route->op;
  auto fields = fields_of(op, request, found, limits);
  if (!fields) return respond_error(id, fields.error(), language);

  Exchange& kept = exchanges.find(id)->second;
  kept.who = *who;
  if (op == Op::catalog_get) {
    load_catalog_body();
    return respond(id, tagged(request, catalog_body, catalog_etag));
  }
  Call call;
  call.face = Face::http;
  call.language = language;
  call.peer = id;
  call.who = std::move(*who);
  perform(call, *fields);
}

session::SignedIn Hub::State::bearer_of(const HttpRequest& request, std::string_view& token) {
  if (!request.authorization.empty()) {
    token = bearer_token(request.authorization);
    return identities.of_repeated_token(token, now.wall);
  }
  token = session::cookie_value(request.cookie, session::login_cookie);
  // A page of another origin can make the browser send our cookie; what changes something must come from our own.
  const bool changes = request.method != "GET" && request.method != "HEAD";
  const bool foreign = !request.origin.empty() && !session::is_same_origin(request.origin, request.host);
  if (!token.empty() && (foreign || (changes && request.origin.empty()))) {
    return session::failed_sign_in(SignInFailure::foreign_page, Code::forbidden,
                                   "A signed-in browser may ask for changes from this server's own pages only.",
                                   "Origin");
  }
  return identities.of_repeated_token(token, now.wall);
}

void Hub::State::http_gone(ExchangeId id) {
  if (const auto answered = undelivered.find(id); answered != undelivered.end()) {
    Undelivered lost = std::move(answered->second);
    undelivered.erase(answered);
    const bool releases = std::holds_alternative<Release>(lost.undo);
    undo(lost.who, std::move(lost.undo));
    // What was waited for has been given back: this node's end must not take it once more.
    if (releases && lost.heard) owe(lost.who, *std::move(lost.heard));
    return;
  }
  const auto found = exchanges.find(id);
  if (found == exchanges.end()) return;
  const Exchange exchange = std::move(found->second);
  exchanges.erase(found);
  switch (exchange.state) {
    case Exchange::State::asked:
      if (Errand* errand = errands.find(exchange.ticket); errand != nullptr) errand->gone = true;
      if (!beginnings.empty()) run_asker_gone(id);
      cancel_audits(Face::http, id);
      return cancel_documents(Face::http, id);
    case Exchange::State::streaming: return end_streaming(exchange, id);
    case Exchange::State::waiting: break;
  }
  const auto wait = waits.find(exchange.wait);
  HF_ASSERT(wait != waits.end());
  wait->second.erase(std::remove(wait->second.begin(), wait->second.end(), id), wait->second.end());
  if (!wait->second.empty()) return;
  waits.erase(wait);
  if (!exchange.repeatable) undo(exchange.who, undo_wait(exchange.who, exchange.session, exchange.wait));
}

void Hub::State::respond(ExchangeId id, int status, std::string body, std::optional<LockCommand> undo) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  if (undo) {
    const auto found = exchanges.find(id);
    if (found == exchanges.end()) return;
    response.confirm = true;
    undelivered.insert_or_assign(id, Undelivered{found->second.who, *std::move(undo), {}});
  }
  respond(id, std::move(response));
}

void Hub::State::respond(ExchangeId id, HttpResponse response) {
  if (exchanges.erase(id) == 0) return;
  transport.respond(id, std::move(response));
}

void Hub::State::respond_refusal(ExchangeId id, const Refusal& refusal, const View& view) {
  HttpResponse response;
  response.status = code_http_status(refusal.code);
  response.content_type = problem_type;
  response.body = encode_problem(refusal, view);
  response.refusal = refusal.code;
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back(
        "Retry-After", std::to_string(std::max<std::int64_t>(1, (refusal.retry_after.count() + 999) / 1000)));
  }
  respond(id, std::move(response));
}

void Hub::State::respond_failed(ExchangeId id, const HttpRequest& request, const SignInError& error,
                                Language language) {
  transport.sign_in_failed(request.connection, error.why);
  respond_error(id, error, language);
}

void Hub::State::respond_error(ExchangeId id, const Error& error, Language language) {
  HttpResponse response = problem(error, language);
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (response.status == 429 || response.status == 503) response.headers.emplace_back("Retry-After", "1");
  respond(id, std::move(response));
}

void Hub::State::wait_on(const Errand& errand, const Queued& queued) {
  const auto found = exchanges.find(errand.call.peer);
  if (found == exchanges.end()) return;
  Exchange& exchange = found->second;
  HF_ASSERT(exchange.state == Exchange::State::asked && exchange.who && !queued.wait.is_nil());
  exchange.state = Exchange::State::waiting;
  exchange.repeatable = errand.call.repeatable;
  exchange.wait = queued.wait;
  exchange.position = queued.position;
  exchange.session = errand.session;
  waits[queued.wait].push_back(errand.call.peer);
  http_waits.push_back({now.monotonic + (draining ? Millis{0} : options.http_wait_max), errand.call.peer});
}

void Hub::State::exchanges_due() {
  while (!http_waits.empty() && (draining || http_waits.front().at <= now.monotonic)) {
    const ExchangeId id = http_waits.front().id;
    http_waits.pop_front();
    const auto found = exchanges.find(id);
    if (found == exchanges.end() || found->second.state != Exchange::State::waiting) continue;
    const Exchange exchange = found->second;
    if (const auto wait = waits.find(exchange.wait); wait != waits.end()) {
      wait->second.erase(std::remove(wait->second.begin(), wait->second.end(), id), wait->second.end());
      if (wait->second.empty()) waits.erase(wait);
    }
    const LockOutcome waiting = Queued{exchange.wait, exchange.position};
    std::string body;
    append_outcome(body, Op::lock_acquire, waiting, view_of(Face::http, exchange.language, *exchange.who));
    std::optional<LockCommand> cancel;
    if (!exchange.repeatable) cancel = undo_wait(exchange.who, exchange.session, exchange.wait);
    respond(id, http_status_of(Op::lock_acquire, waiting), std::move(body), std::move(cancel));
    hears(id, exchange);
  }
  while (!streams.empty() && (draining || streams.front().at <= now.monotonic)) {
    const ExchangeId id = streams.front().id;
    streams.pop_front();
    const auto found = exchanges.find(id);
    if (found == exchanges.end()) continue;
    if (draining || expired(*found->second.who)) {
      end_stream(id);
      continue;
    }
    transport.stream(id, ": still here\n\n");
    streams.push_back({now.monotonic + options.ping_every, id});
  }
}

void Hub::State::begin_stream(const Call& call, const Checked& now_state) {
  const auto found = exchanges.find(call.peer);
  if (found == exchanges.end()) return;
  if (draining) return respond_error(call.peer, Error{Code::draining, {}, {}}, call.language);
  session::Person& person = people.try_emplace(call.who->person).first->second;
  if (person.streams >= options.streams_per_user_max) {
    return refuse(call, Error{Code::too_many, "You have as many streams as you may: close one.", {}},
                  session::retry_later);
  }
  HF_ASSERT(found->second.state == Exchange::State::asked);
  ++person.streams;
  found->second.state = Exchange::State::streaming;
  for (const CheckItem& item : now_state.items) watchers.add(call.who->ns, item.target, Watcher::of_stream(call.peer));
  transport.begin_stream(call.peer);
  scratch.assign("event: watch\ndata: ");
  append_outcome(scratch, Op::watch, LockOutcome(now_state), view_of(Face::http, call.language, *call.who));
  scratch.append("\n\n");
  transport.stream(call.peer, scratch);
  streams.push_back({now.monotonic + options.ping_every, call.peer});
  for (const CheckItem& item : now_state.items) {
    ask_bill({call.who->ns, item.target, Watcher::of_stream(call.peer), call.again ? Look::again : Look::changed});
  }
}

void Hub::State::end_stream(ExchangeId id) {
  const auto found = exchanges.find(id);
  if (found == exchanges.end()) return;
  end_streaming(found->second, id);
  exchanges.erase(found);
  transport.end_stream(id);
}

void Hub::State::end_streaming(const Exchange& exchange, ExchangeId id) {
  watchers.remove_all(exchange.who->ns, Watcher::of_stream(id));
  const auto person = people.find(exchange.who->person);
  HF_ASSERT(person != people.end() && person->second.streams > 0);
  --person->second.streams;
}

}  // namespace hf
