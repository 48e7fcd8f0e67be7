import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A real server under a sanitizer, on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
