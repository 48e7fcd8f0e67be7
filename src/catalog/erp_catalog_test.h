#pragma once

// The catalog of the real ERP, catalog/ruinorerp.toml, for tests of what decides by it. Read once.

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "catalog/catalog_loader.h"

namespace hf::test {

inline std::shared_ptr<const Catalog> erp() {
  static const std::shared_ptr<const Catalog> loaded = [] {
    std::ifstream file(HF_SOURCE_DIR "/catalog/ruinorerp.toml", std::ios::binary);
    std::stringstream stream;
    stream << file.rdbuf();
    auto made = load_catalog(stream.str(), "ruinorerp.toml");
    EXPECT_TRUE(made) << made.error().text();
    return std::make_shared<const Catalog>(made ? std::move(*made) : Catalog());
  }();
  return loaded;
}

}  // namespace hf::test
