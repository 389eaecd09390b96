/**
 * Every bound of the server and of the page, in one place, so that they can be seen to fit together.
 *
 * Lengths of texts are characters, times are milliseconds. It runs in a browser too.
 */

/** What is kept while somebody watches. */
export const kept = {
  /** Exited tasks, unless the application says otherwise. */
  history: 100_000,
  /**
   * Done pools that none of the kept tasks is in: the others stay as long as those tasks do, so that no task
   * loses its place.
   */
  emptyPools: 5_000,
  /** Jobs with counts of their own; those beyond share one row. */
  jobs: 1_000,
  /** Stretches of a task's life; what is between the first and the latest is told as unknown. */
  segments: 32,
  /** Failed attempts of a task, and tasks with any. */
  attempts: { each: 20, tasks: 2_000 },
  /** Log lines, or spans, of a task, and tasks with any. */
  notes: { each: 100, tasks: 2_000 },
  /** Times of ended tasks from which percentiles are made. */
  times: 500,
  /** Times during which events were dropped. */
  gaps: 20,
  /** Exited tasks whose handles are held until their rows have been sent. */
  unsent: 20_000
} as const

/** Samples of the pulse: every second for a minute, every five for five minutes, every minute for an hour. */
export const series = { points: 60, seconds: [1, 5, 60] } as const

/** Ends per second are measured over this long. */
export const rateWindow = 10_000

/** Time left is told from this much of watching on, and this many ends. */
export const leastForEta = { time: 1_000, ends: 3 } as const

/** One message of a viewer's stream. */
export const message = { taskRows: 2_000, poolRows: 200, snapshotRows: 2_000 } as const

/** What a viewer may lag behind, or be away for, before it needs a new snapshot. */
export const lag = { deltas: 600, rows: 20_000 } as const

/** Texts that the server sends. */
export const text = { row: 512, key: 256, name: 256, log: 4_096, detail: 65_536, payload: 262_144 } as const

/** Values that are turned into JSON: deeper, longer or larger ones are cut. */
export const json = { depth: 64, parts: 20_000, characters: 262_144 } as const

/** Lists of an inspection; `shown` is what the page shows of the children. */
export const inspection = { children: 500, shown: 100, waits: 50 } as const

/** What the server takes: texts, ids in one request, and a whole message. */
export const taken = {
  payload: 262_144,
  message: 1_048_576,
  reason: 500,
  filter: 1_000,
  id: 1_024,
  ids: 2_000
} as const

/**
 * Of one connection: bytes that it has not read yet before answers wait, how many are made `atOnce`, how many may wait before no
 * more is read from it, and how many in all, which one message can ask for, before it is closed.
 */
export const unread = { bytes: 1_048_576, atOnce: 4, answers: 256, most: 4_096 } as const

/**
 * Connections of the stand-alone server: beyond `most`, the oldest that has not shown the token makes room. Viewers: beyond
 * theirs, one makes room that has taken nothing for `stalled`. `headers` and `request` are how long a request may take to
 * arrive, looked at every `check`; `unread` how long a connection may leave answers unread while more is asked for.
 */
export const connections = {
  most: 256,
  viewers: 16,
  headers: 10_000,
  request: 12_000,
  check: 1_000,
  unread: 15_000,
  stalled: 15_000
} as const

/** Tokens shorter than this can be guessed. Signings-in that one cookie remembers: more programs on a host share it. */
export const access = { token: 16, cookies: 8 } as const

/** What the page does at once. */
export const page = {
  /** Tree: nodes that one key opens, and decisions to open or close that are remembered. */
  opened: 500,
  remembered: 20_000,
  /** Jobs and groups of failures that are listed before "more". */
  jobs: 50,
  groups: 100,
  /** Timeline: bars that are placed one by one. */
  queued: 2_000,
  asleep: 3_000,
  lanes: 256
} as const
