#!/usr/bin/env bash
# Formats our C++ files in place: all of them, or those that are named.
set -euo pipefail
if [ $# -gt 0 ]; then
  exec clang-format-19 -i "$@"
fi
cd "$(dirname "$0")/.."
source scripts/setup.sh
hf_cpp_files | xargs clang-format-19 -i
