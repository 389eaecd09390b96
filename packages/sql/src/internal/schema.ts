/** The tables, and how they came to be: each migration only adds. */
import type { Tables } from "./dialect.ts"

const tasks = ({ tasks: t }: Tables, isPostgres: boolean): ReadonlyArray<string> => [
  `CREATE TABLE ${t} (
    id text PRIMARY KEY,
    namespace text NOT NULL,
    job text NOT NULL,
    version int NOT NULL DEFAULT 1,
    key text,
    uniq int NOT NULL DEFAULT 0,
    kept int NOT NULL DEFAULT 0,
    kept_until bigint,
    state int NOT NULL,
    priority double precision NOT NULL DEFAULT 0,
    depth int NOT NULL DEFAULT 0,
    due_at bigint NOT NULL,
    owner bigint,
    claim int NOT NULL DEFAULT 0,
    attempt int NOT NULL DEFAULT 1,
    restarts int NOT NULL DEFAULT 0,
    crashes int NOT NULL DEFAULT 0,
    max_crashes int NOT NULL DEFAULT 3,
    origin bigint NOT NULL,
    parent_id text,
    behind text,
    owned int NOT NULL DEFAULT 0,
    timeout bigint,
    queue_timeout bigint,
    keep_success bigint,
    keep_error bigint,
    payload text NOT NULL,
    exit text,
    cancel text,
    progress text,
    created_at bigint NOT NULL,
    finished_at bigint,
    expires_at bigint
  ) ${isPostgres ? "WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)" : "WITHOUT ROWID"}`,
  `CREATE INDEX ${t}_ready ON ${t} (namespace, priority DESC, depth DESC, due_at, id) WHERE state = 0`,
  `CREATE INDEX ${t}_due ON ${t} (namespace, due_at) WHERE state = 2`,
  `CREATE INDEX ${t}_blocked ON ${t} (namespace, job, key, id) WHERE state = 3`,
  `CREATE INDEX ${t}_behind ON ${t} (behind) WHERE state = 3`,
  `CREATE INDEX ${t}_waits ON ${t} (namespace, due_at) WHERE state = 0 AND queue_timeout IS NOT NULL`,
  `CREATE UNIQUE INDEX ${t}_held ON ${t} (namespace, job, key) WHERE uniq = 1 AND (state IN (0, 1, 2) OR kept = 1)`,
  `CREATE INDEX ${t}_key ON ${t} (namespace, job, key, id) WHERE key IS NOT NULL`,
  `CREATE INDEX ${t}_owned ON ${t} (owner) WHERE state = 1`,
  `CREATE INDEX ${t}_family ON ${t} (parent_id) WHERE parent_id IS NOT NULL`,
  `CREATE INDEX ${t}_failed ON ${t} (namespace, id) WHERE state = 5`,
  `CREATE INDEX ${t}_expires ON ${t} (expires_at) WHERE expires_at IS NOT NULL`
]

const others = ({ crons, messages, nodes, pauses }: Tables, isPostgres: boolean): ReadonlyArray<string> => {
  const serial = isPostgres
    ? "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    : "INTEGER PRIMARY KEY AUTOINCREMENT"
  return [
    `CREATE TABLE ${nodes} (id ${serial}, namespace text NOT NULL, name text NOT NULL, started_at bigint NOT NULL)`,
    `CREATE TABLE ${messages} (seq ${serial}, task_id text NOT NULL, body text NOT NULL)`,
    `CREATE INDEX ${messages}_task ON ${messages} (task_id, seq)`,
    `CREATE TABLE ${crons} (namespace text NOT NULL, name text NOT NULL, last_tick bigint NOT NULL, PRIMARY KEY (namespace, name))`,
    `CREATE TABLE ${pauses} (namespace text NOT NULL, job text NOT NULL, PRIMARY KEY (namespace, job))`
  ]
}

/** The first is version 1. */
export const migrations = (tables: Tables, isPostgres: boolean): ReadonlyArray<ReadonlyArray<string>> => [
  [...tasks(tables, isPostgres), ...others(tables, isPostgres)]
]

/** States of a row; what has ended stands behind what lives. */
export const State = { queued: 0, claimed: 1, delayed: 2, blocked: 3, success: 4, error: 5, canceled: 6 } as const

export type StateName = keyof typeof State

// the keys of the object above
export const stateNames = Object.keys(State) as ReadonlyArray<StateName>
