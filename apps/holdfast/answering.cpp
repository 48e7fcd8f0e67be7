#include "asking.h"
#include "console.h"
#include "show.h"
#include "words.h"

namespace hf::cli {

using holdfast::Millis;

int agree(const Arguments& a) {
  const auto id = id_of(a.target, Named::request);
  if (!id) return report(a, id.error());
  auto answer = ask(a, "POST", "/v1/requests/" + *id + "/agree");
  if (!answer) return report(a, answer.error());
  const auto* object = answer->if_object();
  const auto* value = object == nullptr ? nullptr : object->if_contains("granted");
  const bool granted = value != nullptr && value->is_bool() && value->get_bool();
  if (a.json) return say_json({{"granted", granted}}), exit_done;
  say((granted ? tr("Agreed: they have it now.")
               : tr("Agreed: they are first in the queue; others still hold part of it.")) +
      "\n");
  return exit_done;
}

int refuse(const Arguments& a) {
  const auto id = id_of(a.target, Named::request);
  if (!id) return report(a, id.error());
  return done(a, tell(a, "POST", "/v1/requests/" + *id + "/refuse", {{"reason", a.reason}}),
              tr("Refused. They may wait on."));
}

int defer(const Arguments& a) {
  const auto by = duration_of(a.by, Millis(120'000), "by");
  if (!by) return report(a, by.error());
  const auto id = id_of(a.target, Named::request);
  if (!id) return report(a, id.error());
  return done(a, tell(a, "POST", "/v1/requests/" + *id + "/defer", {{"ms", by->count()}}),
              tr("Deferred: they were told that you will answer in {}.", duration(*by)));
}

}  // namespace hf::cli
