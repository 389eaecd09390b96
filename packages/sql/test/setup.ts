/** A real Postgres for these tests: the server at `DATABASE_URL` when that is set, else one that is started for the run. */
import type { TestProject } from "vitest/node"
import { startPostgres } from "../demo/postgres.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** Of a database whose user may make others. */
    postgres: string
  }
}

export default async (project: TestProject): Promise<(() => Promise<void>) | undefined> => {
  const given = process.env["DATABASE_URL"]
  if (given !== undefined) {
    project.provide("postgres", given)
    return undefined
  }
  const { stop, url } = await startPostgres()
  project.provide("postgres", url)
  return stop
}
