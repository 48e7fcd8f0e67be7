#pragma once

// Why a sign-in failed: for the operator's metrics and log. The caller learns no more than the code and its sentence.
//
// One list: the enumeration, the names on the label of the metric, and those in the log.

#include <array>
#include <cstdint>
#include <string_view>

namespace hf {

// HF_SIGN_IN_FAILURE(name)
#define HF_SIGN_IN_FAILURES(HF_SIGN_IN_FAILURE)                                                         \
  HF_SIGN_IN_FAILURE(missing)     /* no token at all */                                                 \
  HF_SIGN_IN_FAILURE(malformed)   /* not a token */                                                     \
  HF_SIGN_IN_FAILURE(unknown_key) /* no key of ours has its `kid` and algorithm */                      \
  HF_SIGN_IN_FAILURE(bad_signature)                                                                     \
  HF_SIGN_IN_FAILURE(expired)                                                                           \
  HF_SIGN_IN_FAILURE(not_yet_valid)                                                                     \
  HF_SIGN_IN_FAILURE(audience)            /* meant for another service */                               \
  HF_SIGN_IN_FAILURE(bad_claim)           /* signed, but a claim is missing or malformed */             \
  HF_SIGN_IN_FAILURE(forbidden_namespace) /* of a namespace that is not kept here */                    \
  HF_SIGN_IN_FAILURE(other_user)          /* another user's than the connection's */                    \
  HF_SIGN_IN_FAILURE(foreign_page)        /* a page of another site tried to use a browser's sign-in */ \
  HF_SIGN_IN_FAILURE(wrong_code)          /* no such one-time code, or no longer */

enum class SignInFailure : std::uint8_t {
#define HF_SIGN_IN_FAILURE(name) name,
  HF_SIGN_IN_FAILURES(HF_SIGN_IN_FAILURE)
#undef HF_SIGN_IN_FAILURE
};

inline constexpr std::array sign_in_failure_names{
#define HF_SIGN_IN_FAILURE(name) std::string_view(#name),
    HF_SIGN_IN_FAILURES(HF_SIGN_IN_FAILURE)
#undef HF_SIGN_IN_FAILURE
};

constexpr std::string_view name_of(SignInFailure why) noexcept {
  return sign_in_failure_names[static_cast<std::size_t>(why)];
}

}  // namespace hf
