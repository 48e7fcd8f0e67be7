#!/usr/bin/env bash
# Writes what is made from the wire's structs: docs/messages.schema.json and docs/messages.d.ts.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
hf_build dev describe_operations
python3 tests/tidy/operations.py . build/dev/bin/describe_operations --write
