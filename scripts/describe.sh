#!/usr/bin/env bash
# Writes what is made from the wire's structs: docs/messages.schema.json, docs/messages.d.ts and its copy
# for the browser.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh
hf_build dev describe_operations
python3 tests/tidy/operations.py . build/dev/bin/describe_operations --write
node web/scripts/messages.js
