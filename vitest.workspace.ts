import { readdirSync } from "node:fs"
import { defineConfig } from "vitest/config"

/** One project for each package, and `docs`: the samples that scripts/doctest.ts took from the documentation. */
export default defineConfig({
  test: {
    projects: [
      ...readdirSync(new URL("packages", import.meta.url)).map((name) => ({
        test: { name, root: `packages/${name}`, include: ["test/**/*.test.ts"] }
      })),
      { test: { name: "docs", include: ["build/doctest/**/*.test.ts"] } }
    ]
  }
})
