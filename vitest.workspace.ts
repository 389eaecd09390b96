import { globSync, readdirSync } from "node:fs"
import { defineConfig } from "vitest/config"

const endToEnd = "**/*.e2e.test.ts"

/** Their tests kill processes and wait for databases and threads in real time, which a busy machine may not give them. */
const patient = ["sql", "threads"]

/**
 * One project for each package; `docs`: the samples that scripts/doctest.ts took from the documentation; and `e2e`, whose
 * browsers would disturb the others, so they come last and one after the other.
 */
export default defineConfig({
  test: {
    projects: [
      ...readdirSync(new URL("packages", import.meta.url)).map((name) => ({
        test: {
          name,
          root: `packages/${name}`,
          include: ["test/**/*.test.ts"],
          exclude: [endToEnd],
          retry: patient.includes(name) ? 1 : 0,
          globalSetup: globSync(`packages/${name}/test/setup.ts`, { cwd: import.meta.dirname }).map((file) =>
            `${import.meta.dirname}/${file}`
          )
        }
      })),
      { test: { name: "docs", include: ["build/doctest/**/*.test.ts"] } },
      {
        test: {
          name: "e2e",
          include: [`packages/*/test/${endToEnd}`],
          globalSetup: "packages/dashboard/test/browser.ts",
          fileParallelism: false,
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
