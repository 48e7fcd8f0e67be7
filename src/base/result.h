#pragma once

// Result<T> is a T or the Error that came instead. Nothing of ours throws.

#include <tl/expected.hpp>

#include "base/error.h"

namespace hf {

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Code code, std::string detail = {}, std::string field = {}) {
  return tl::unexpected<Error>(Error{code, std::move(detail), std::move(field)});
}

}  // namespace hf
