#pragma once

// HF_ASSERT states what our own code guarantees, on in release too. A bug aborts; user input never gets here.

#include <cstdio>
#include <cstdlib>

#define HF_ASSERT(condition)                                                                           \
  do {                                                                                                 \
    if (!(condition)) [[unlikely]] {                                                                   \
      std::fprintf(stderr, "holdfast: %s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                                    \
    }                                                                                                  \
  } while (false)
