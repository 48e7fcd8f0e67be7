#include "session/hub_state.h"
#include "wire/json_text.h"
#include "wire/json_writer.h"

namespace hf {
namespace {

namespace json = boost::json;

Result<std::string> text_in(const json::object& object, std::string_view name, std::size_t bytes_max) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || value->is_null()) return std::string();
  const json::string* text = value->if_string();
  if (text == nullptr) return fail(Code::invalid, "This field is a text.", std::string(name));
  if (text->size() > bytes_max) return fail(Code::too_large, "This text is too long.", std::string(name));
  return std::string(text->data(), text->size());
}

Result<std::vector<std::string>> texts_in(const json::object& object, std::string_view name) {
  std::vector<std::string> texts;
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || value->is_null()) return texts;
  const json::array* array = value->if_array();
  if (array == nullptr) return fail(Code::invalid, "This field is a list of texts.", std::string(name));
  if (array->size() > jwt_list_max) return fail(Code::too_large, "This list is too long.", std::string(name));
  for (const json::value& element : *array) {
    const json::string* text = element.if_string();
    if (text == nullptr || text->size() > user_bytes_max)
      return fail(Code::invalid, "This field is a list of texts.", std::string(name));
    texts.emplace_back(text->data(), text->size());
  }
  return texts;
}

Result<Identity> dev_identity(const json::object& object) {
  Identity identity;
  auto user = text_in(object, "user", user_bytes_max);
  if (!user) return tl::unexpected(user.error());
  if (user->empty()) return fail(Code::invalid, "Say who the token is for.", "user");
  auto name = text_in(object, "name", user_bytes_max);
  if (!name) return tl::unexpected(name.error());
  auto ns = text_in(object, "ns", namespace_bytes_max);
  if (!ns) return tl::unexpected(ns.error());
  auto roles = texts_in(object, "roles");
  if (!roles) return tl::unexpected(roles.error());
  auto rights = texts_in(object, "rights");
  if (!rights) return tl::unexpected(rights.error());
  auto employee = text_in(object, "employee", user_bytes_max);
  if (!employee) return tl::unexpected(employee.error());
  auto departments = texts_in(object, "departments");
  if (!departments) return tl::unexpected(departments.error());
  const auto flag = [&](const char* what) {
    const json::value* value = object.if_contains(what);
    return value != nullptr && value->is_bool() && value->get_bool();
  };
  identity.user = std::move(*user);
  identity.name = name->empty() ? identity.user : std::move(*name);
  if (!ns->empty()) identity.ns = std::move(*ns);
  identity.roles = std::move(*roles);
  identity.rights = std::move(*rights);
  identity.employee = std::move(*employee);
  identity.departments = std::move(*departments);
  identity.super = flag("super");
  identity.service = flag("service");
  return identity;
}

tl::unexpected<Error> no_object() { return fail(Code::invalid, "The body is one JSON object."); }

// The code in a login's body; empty: it has none.
Result<std::string> code_in(std::string_view body) {
  if (body.empty()) return std::string();
  if (body.size() > login_bytes_max) {
    return fail(Code::too_large,
                "A login has a body of at most " + std::to_string(login_bytes_max) + " bytes: a code.");
  }
  const Json parsed(body);
  if (parsed.object() == nullptr) return no_object();
  return text_in(*parsed.object(), "code", login_code_bytes_max);
}

}  // namespace

// On this path a caller may be anybody he likes: so only from this machine, and never through a page of another site
// whose name was made to point here (DNS rebinding): the names must be loopback ones, too.
void Hub::State::dev_token(ExchangeId id, const HttpRequest& request, Language language) {
  if (!options.dev) return respond_error(id, Error{Code::not_found, "There is no such path.", {}}, language);
  std::string_view origin_host = request.origin;
  if (const std::size_t scheme = origin_host.find("://"); scheme != std::string_view::npos)
    origin_host.remove_prefix(scheme + 3);
  const bool local = request.loopback && (request.host.empty() || session::is_loopback_host(request.host)) &&
                     (request.origin.empty() || session::is_loopback_host(origin_host));
  if (!local)
    return respond_error(id, Error{Code::forbidden, "Development tokens are for this machine only.", {}}, language);
  // A proxy on this machine is a loopback peer, and may name any host: behind it is anybody.
  if (request.forwarded) {
    return respond_error(id,
                         Error{Code::forbidden,
                               "Development tokens are not given through a proxy: ask this server itself, or start it "
                               "without --dev and have your own sign-in make the tokens.",
                               {}},
                         language);
  }
  const Json body_read(request.body.empty() ? std::string_view("{}") : std::string_view(request.body));
  if (body_read.object() == nullptr) return respond_error(id, no_object().value(), language);
  const auto identity = dev_identity(*body_read.object());
  if (!identity) return respond_error(id, identity.error(), language);
  const std::string token =
      sign_hs256(*identity, options.dev_kid, options.dev_secret, now.wall, options.dev_token_valid, options.audience);
  std::string body;
  JsonWriter(body).begin_object().field("token", token).end_object();
  respond(id, 200, std::move(body));
}

// A bearer token, or a code made by one, becomes a cookie that no script can read. With a token no body is looked at.
void Hub::State::login(ExchangeId id, const HttpRequest& request, Language language) {
  if (!request.origin.empty() && !session::is_same_origin(request.origin, request.host)) {
    // Else another site could sign this browser in as somebody of its choice.
    return respond_error(id, Error{Code::forbidden, "Sign in from this server's own pages.", "Origin"}, language);
  }
  std::string token(session::bearer_token(request.authorization));
  if (token.empty()) {
    const auto code = code_in(request.body);
    if (!code) return respond_error(id, code.error(), language);
    if (!code->empty()) {
      auto taken = identities.take_code(*code, now.monotonic);
      if (!taken) return respond_failed(id, request, taken.error(), language);
      token = std::move(*taken);
    }
  }
  const auto who = identities.of_token(token, now.wall);
  if (!who) return respond_failed(id, request, who.error(), language);
  std::string cookie(session::login_cookie);
  cookie.append("=").append(token).append("; Path=/; HttpOnly; SameSite=Strict");
  if (options.cookie_secure) cookie += "; Secure";
  HttpResponse response;
  JsonWriter writer(response.body);
  writer.begin_object().field("user", (*who)->user).field("name", (*who)->name).key("rights").begin_array();
  for (const std::string& right : (*who)->rights->texts()) writer.string(right);
  writer.end_array();
  if ((*who)->expires_at) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*(*who)->expires_at - now.wall).count();
    cookie.append("; Max-Age=").append(std::to_string(std::max<std::int64_t>(0, seconds)));
    writer.key("expires_at").time(*(*who)->expires_at);
  }
  writer.end_object();
  response.headers.emplace_back("Set-Cookie", std::move(cookie));
  respond(id, std::move(response));
}

void Hub::State::login_code(ExchangeId id, const HttpRequest& request, Language language) {
  std::string_view token;
  const auto who = bearer_of(request, token);
  if (!who) return respond_failed(id, request, who.error(), language);
  if (const auto refusal = refuses_to_hear(**who, request.connection))
    return respond_refusal(id, *refusal, view_of(Face::http, language, **who));
  auto code = identities.make_code((*who)->person, std::string(token), now.monotonic);
  if (!code) return respond_error(id, code.error(), language);
  std::string body;
  JsonWriter(body)
      .begin_object()
      .field("code", *code)
      .key("expires_at")
      .time(now.wall + options.login_code_valid)
      .end_object();
  respond(id, 201, std::move(body));
}

void Hub::State::logout(ExchangeId id, const HttpRequest& request, Language language) {
  if (!request.origin.empty() && !session::is_same_origin(request.origin, request.host)) {
    return respond_error(id, Error{Code::forbidden, "Sign out from this server's own pages.", "Origin"}, language);
  }
  HttpResponse response;
  response.status = 204;
  response.content_type.clear();
  response.headers.emplace_back("Set-Cookie",
                                std::string(session::login_cookie) + "=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
  respond(id, std::move(response));
}

}  // namespace hf
