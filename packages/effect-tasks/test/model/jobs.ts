/** The jobs of the random programs, as plain data: the model reads it, and the driver makes real jobs of it. */

export interface Policy {
  readonly unique?: "join" | "reject" | "supersede"
  readonly retry?: { readonly times: number, readonly delay: number }
  readonly concurrency?: { readonly limit: number, readonly perKey: boolean }
  /** How many results are kept. */
  readonly kept?: number
}

const policies = {
  Plain: {},
  Join: { unique: "join" },
  Reject: { unique: "reject" },
  Supersede: { unique: "supersede" },
  Kept: { unique: "join", kept: 1 },
  Limited: { concurrency: { limit: 1, perKey: true } },
  Pair: { concurrency: { limit: 2, perKey: false } },
  Again: { retry: { times: 1, delay: 0 } },
  Later: { retry: { times: 2, delay: 20 } }
} satisfies Record<string, Policy>

export type JobName = keyof typeof policies

export const jobNames = Object.keys(policies) as ReadonlyArray<JobName> // the keys of a literal

export const policyOf = (job: JobName): Policy => policies[job]
