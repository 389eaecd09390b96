/** The queries: every statement on the tables stands here. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { DurableError, NewerDatabase } from "../DurableError.ts"
import { compile, dialectOf, tablesOf } from "./dialect.ts"
import { reach } from "./fault.ts"
import {
  type ClaimedRow,
  type FullRow,
  inOrder,
  type NewRow,
  newRow,
  type Note,
  type Outcome,
  type RecordedRow,
  type Seen,
  toClaimed,
  toSeen
} from "./rows.ts"
import { migrations, State } from "./schema.ts"

export { SqlClient } from "effect/sql/SqlClient"
export type { SqlError } from "effect/sql/SqlError"

const seen =
  "id, job, key, uniq, kept, state, owner, claim, attempt, restarts, crashes, queue_timeout, exit, cancel, progress"
const live = "(0, 1, 2, 3)"
const order = "priority DESC, depth DESC, due_at, id"

type Parameters = Record<string, unknown>

export const make = (client: SqlClient, options: { readonly namespace: string, readonly table: string }) => {
  const isPostgres: boolean = client.onDialectOrElse({ pg: () => true, orElse: () => false })
  const { batch, list, returned: t } = dialectOf(isPostgres)
  const tables = tablesOf(options.table)
  const { tasks } = tables

  const query = <Row>(sql: string) => {
    const { names, text } = compile(sql, isPostgres)
    return (parameters: Parameters = {}): Effect.Effect<ReadonlyArray<Row>, SqlError> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const all: Parameters = { ...parameters, namespace: options.namespace, now }
        return client.unsafe(text, names.map((name) => all[name])) as unknown as Effect.Effect<
          ReadonlyArray<Row>,
          SqlError
        >
      })
  }

  /** Nobody claims for a node that is buried: who buries it waits for such a claim and then sees it. */
  const alive = isPostgres
    ? `alive AS MATERIALIZED (SELECT 1 FROM ${tables.nodes} WHERE id = CAST(:me AS bigint) FOR KEY SHARE)`
    : ""
  const isAlive = isPostgres ? "EXISTS (SELECT 1 FROM alive)" : "true"
  const insertedState = isPostgres
    ? `CASE WHEN r.state = ${State.claimed} AND NOT ${isAlive} THEN ${State.queued} ELSE r.state END`
    : "r.state"

  const insertRows = query<{ readonly id: string, readonly state: number }>(`
    ${isPostgres ? `WITH ${alive}` : ""}
    INSERT INTO ${tasks} (id, namespace, job, version, key, uniq, state, priority, depth, due_at, owner, claim, max_crashes,
      origin, parent_id, behind, owned, timeout, queue_timeout, keep_success, keep_error, payload, created_at)
    SELECT r.id, CAST(:namespace AS text), r.job, r.version, r.key, r.uniq, ${insertedState}, r.priority, r.depth, :now + r.delay,
      r.owner, r.claim, r.max_crashes, CAST(:me AS bigint), r.parent_id, r.behind, r.owned, r.timeout, r.queue_timeout, r.keep_success,
      r.keep_error, r.payload, :now
    FROM ${batch(newRow)} WHERE true ON CONFLICT DO NOTHING RETURNING id, state`)

  const seenColumns = seen.split(", ").map((column) => `t.${column}`).join(", ")
  const isStale = "t.kept = 1 AND t.kept_until <= :now AS is_stale"

  const conflicting = query<Seen>(`
    SELECT ${seenColumns}, ${isStale} FROM ${batch({ id: "text", job: "text", key: "text", uniq: "bigint" })}
    JOIN ${tasks} t ON t.id = r.id OR (r.uniq = 1 AND t.uniq = 1 AND t.namespace = CAST(:namespace AS text)
      AND t.job = r.job AND t.key = r.key AND (t.state IN (0, 1, 2) OR t.kept = 1))`)

  const lookAt = query<Seen>(`
    SELECT ${seenColumns}, ${isStale} FROM ${tasks} t WHERE t.namespace = CAST(:namespace AS text) AND t.id IN ${
    list(":ids")
  }`)

  const fullRow = query<FullRow>(`
    SELECT ${seenColumns}, ${isStale}, t.priority, t.parent_id, t.version, t.payload FROM ${tasks} t
    WHERE t.namespace = CAST(:namespace AS text) AND t.job = CAST(:job AS text) AND t.id = CAST(:id AS text)`)

  const newestOf = query<{ readonly id: string }>(`
    SELECT id FROM ${tasks} WHERE namespace = CAST(:namespace AS text) AND job = CAST(:job AS text) AND key = CAST(:key AS text)
    ORDER BY id DESC LIMIT 1`)

  const unkeep = query(`
    UPDATE ${tasks} SET kept = 0 WHERE id = CAST(:id AS text) AND kept = 1 AND kept_until <= :now`)

  /** Retention begins with the end. */
  const expires = (state: string) =>
    `CASE WHEN ${state} = ${State.error} THEN :now + keep_error WHEN ${state} >= ${State.success} THEN :now + keep_success END`

  /** A row that goes back while its cancel is asked for is canceled, which holds. */
  const next = `CASE WHEN r.state < ${State.success} AND ${tasks}.cancel IS NOT NULL THEN ${State.canceled}
    WHEN r.state = ${State.queued} AND ${tasks}.due_at > :now THEN ${State.delayed} ELSE r.state END`
  const outcomes = query<RecordedRow>(`
    UPDATE ${tasks} SET state = ${next}, owner = NULL, attempt = r.attempt, restarts = r.restarts,
      exit = CASE WHEN r.state < ${State.success} THEN ${tasks}.cancel ELSE r.exit END,
      progress = COALESCE(r.progress, ${tasks}.progress),
      kept = CASE WHEN r.keep IS NULL THEN 0 ELSE 1 END, kept_until = CASE WHEN r.keep >= 0 THEN :now + r.keep END,
      finished_at = CASE WHEN ${next} >= ${State.success} THEN :now END,
      expires_at = CASE WHEN ${next} = ${State.error} THEN :now + ${tasks}.keep_error
        WHEN r.keep < 0 THEN NULL
        WHEN ${next} >= ${State.success} AND r.keep > ${tasks}.keep_success THEN :now + r.keep
        WHEN ${next} >= ${State.success} THEN :now + ${tasks}.keep_success END
    FROM ${
    batch({
      id: "text",
      claim: "bigint",
      state: "bigint",
      exit: "text",
      attempt: "bigint",
      restarts: "bigint",
      keep: "bigint",
      progress: "text"
    })
  }
    WHERE ${tasks}.id = r.id AND ${tasks}.claim = r.claim AND ${tasks}.owner = CAST(:me AS bigint) AND ${tasks}.state = ${State.claimed}
    RETURNING ${tasks}.id AS id, ${tasks}.state AS state, ${tasks}.origin AS origin,
      EXISTS (SELECT 1 FROM ${tasks} b WHERE b.behind = ${tasks}.id AND b.state = ${State.blocked}) AS frees,
      CASE WHEN ${tasks}.state = ${State.canceled} THEN ${tasks}.exit END AS exit`)

  const notes = query<{ readonly id: string }>(`
    UPDATE ${tasks} SET attempt = COALESCE(r.attempt, ${tasks}.attempt), restarts = COALESCE(r.restarts, ${tasks}.restarts),
      due_at = COALESCE(:now + r.delay, ${tasks}.due_at), progress = COALESCE(r.progress, ${tasks}.progress)
    FROM ${
    batch({ id: "text", claim: "bigint", attempt: "bigint", restarts: "bigint", delay: "bigint", progress: "text" })
  }
    WHERE ${tasks}.id = r.id AND ${tasks}.claim = r.claim AND ${tasks}.owner = CAST(:me AS bigint) AND ${tasks}.state = ${State.claimed}
    RETURNING ${tasks}.id AS id`)

  const mayTake = isPostgres
    ? "version <= COALESCE(CAST(CAST(CAST(:jobs AS text) AS jsonb) ->> job AS int), -1)"
    : "version <= COALESCE((SELECT value FROM json_each(:jobs) WHERE key = job), -1)"
  const candidates = `
    SELECT id FROM ${tasks} WHERE namespace = CAST(:namespace AS text) AND state = ${State.queued} AND ${mayTake}
      AND crashes BETWEEN CAST(:fewest AS int) AND CAST(:most AS int) AND ${isAlive}
    ORDER BY ${order} LIMIT CAST(:limit AS int)`
  const claimed =
    `${t}id, ${t}job, ${t}version, ${t}key, ${t}priority, ${t}depth, ${t}due_at, ${t}claim, ${t}attempt, ${t}restarts,
    ${t}crashes, ${t}parent_id, ${t}origin, ${t}timeout, ${t}due_at + ${t}queue_timeout - :now AS queue_timeout, ${t}payload,
    EXISTS (SELECT 1 FROM ${tables.messages} m WHERE m.task_id = ${t}id) AS has_mail`
  const pull = query<ClaimedRow>(
    isPostgres
      ? `WITH ${alive}, c AS MATERIALIZED (${candidates} FOR UPDATE SKIP LOCKED)
        UPDATE ${tasks} t SET state = ${State.claimed}, owner = CAST(:me AS bigint), claim = t.claim + 1 FROM c WHERE t.id = c.id
        RETURNING ${claimed}`
      : `UPDATE ${tasks} SET state = ${State.claimed}, owner = :me, claim = claim + 1 WHERE id IN (${candidates})
        RETURNING ${claimed.replace("m.task_id = id", `m.task_id = ${tasks}.id`)}`
  )

  const stage = query<{ readonly id: string }>(`
    UPDATE ${tasks} SET state = ${State.queued} WHERE namespace = CAST(:namespace AS text) AND state = ${State.delayed} AND due_at <= :now
    RETURNING id`)
  const nextDue = query<{ readonly wait: number | null }>(`
    SELECT min(due_at) - :now AS wait FROM ${tasks} WHERE namespace = CAST(:namespace AS text) AND state = ${State.delayed}`)

  /** Rows that have waited longer than they may: `exit` says so, the reader works out the rest. */
  const expireQueued = query<{ readonly id: string }>(`
    UPDATE ${tasks} SET state = ${State.error}, exit = '"timeout"', finished_at = :now, expires_at = :now + keep_error
    WHERE namespace = CAST(:namespace AS text) AND state = ${State.queued} AND queue_timeout IS NOT NULL
      AND due_at + queue_timeout <= :now RETURNING id`)
  const nextExpiry = query<{ readonly wait: number | null }>(`
    SELECT min(due_at + queue_timeout) - :now AS wait FROM ${tasks}
    WHERE namespace = CAST(:namespace AS text) AND state = ${State.queued} AND queue_timeout IS NOT NULL`)

  /** Whoever held these is gone. */
  const lost = `CASE WHEN cancel IS NOT NULL THEN ${State.canceled} WHEN crashes + 1 >= max_crashes THEN ${State.error}
    WHEN due_at > :now THEN ${State.delayed} ELSE ${State.queued} END`
  const release =
    `UPDATE ${tasks} SET owner = NULL, crashes = crashes + 1, attempt = attempt + 1, restarts = restarts + 1,
    state = ${lost}, exit = CASE WHEN cancel IS NOT NULL THEN cancel WHEN crashes + 1 >= max_crashes THEN '"lost"' END,
    finished_at = CASE WHEN ${lost} >= ${State.success} THEN :now END, expires_at = ${expires(lost)}
    WHERE state = ${State.claimed}`
  const releaseOthers = query<{ readonly id: string }>(
    `${release} AND namespace = CAST(:namespace AS text) AND owner <> CAST(:me AS bigint) RETURNING id`
  )
  /** This node gives up what it has claimed, which is no crash. */
  const leave = query<{ readonly id: string }>(
    `UPDATE ${tasks} SET owner = NULL, attempt = attempt + 1, restarts = restarts + 1,
    state = CASE WHEN cancel IS NOT NULL THEN ${State.canceled} WHEN due_at > :now THEN ${State.delayed} ELSE ${State.queued} END,
    exit = cancel, finished_at = CASE WHEN cancel IS NOT NULL THEN :now END,
    expires_at = CASE WHEN cancel IS NOT NULL THEN :now + keep_success END
    WHERE state = ${State.claimed} AND owner = CAST(:node AS bigint) RETURNING id`
  )
  /** Rows that a node has which is not there: no node leaves any, so this finds none. */
  const adoptOrphans = query<{ readonly id: string }>(`UPDATE ${tasks} SET owner = NULL, state = ${State.queued},
    attempt = attempt + 1, restarts = restarts + 1 WHERE state = ${State.claimed} AND namespace = CAST(:namespace AS text) AND NOT EXISTS (
      SELECT 1 FROM ${tables.nodes} n WHERE n.id = ${tasks}.owner) RETURNING id`)
  const releaseOf = query<{ readonly id: string, readonly state: number }>(
    `${release} AND owner = CAST(:node AS bigint) RETURNING id, state`
  )

  /** The row and all that it owns, whoever runs it. */
  const cancel = query<{ readonly id: string, readonly state: number }>(`
    WITH RECURSIVE below AS (
      SELECT id FROM ${tasks} WHERE namespace = CAST(:namespace AS text) AND id IN ${list(":ids")} AND state IN ${live}
      UNION SELECT c.id FROM ${tasks} c JOIN below ON c.parent_id = below.id WHERE c.owned = 1 AND c.state IN ${live})
    UPDATE ${tasks} SET cancel = COALESCE(cancel, CAST(:reason AS text)),
      exit = CASE WHEN state = ${State.claimed} THEN exit ELSE COALESCE(cancel, CAST(:reason AS text)) END,
      finished_at = CASE WHEN state = ${State.claimed} THEN NULL ELSE :now END,
      expires_at = CASE WHEN state = ${State.claimed} THEN NULL ELSE :now + keep_success END,
      state = CASE WHEN state = ${State.claimed} THEN ${State.claimed} ELSE ${State.canceled} END
    WHERE id IN (SELECT id FROM below) AND state IN ${live} RETURNING id, state`)
  const cancelsOf = query<{ readonly id: string, readonly cancel: string }>(
    `SELECT id, cancel FROM ${tasks} WHERE state = ${State.claimed} AND owner = CAST(:me AS bigint) AND cancel IS NOT NULL`
  )

  const claimsOf = query<
    { readonly id: string, readonly claim: number, readonly attempt: number, readonly restarts: number }
  >(
    `SELECT id, claim, attempt, restarts FROM ${tasks} WHERE state = ${State.claimed} AND owner = CAST(:me AS bigint)`
  )

  /** Puts ended rows back, as new. */
  const requeue = query<{ readonly id: string }>(`
    UPDATE ${tasks} SET state = ${State.queued}, owner = NULL, attempt = 1, restarts = 0, crashes = 0, exit = NULL, cancel = NULL,
      kept = 0, finished_at = NULL, expires_at = NULL, due_at = :now
    WHERE namespace = CAST(:namespace AS text) AND id IN ${
    list(":ids")
  } AND state IN (${State.error}, ${State.canceled})
      AND NOT (uniq = 1 AND EXISTS (SELECT 1 FROM ${tasks} h WHERE h.namespace = ${tasks}.namespace AND h.job = ${tasks}.job
        AND h.key = ${tasks}.key AND h.uniq = 1 AND (h.state IN (0, 1, 2) OR h.kept = 1)))
    RETURNING id`)

  /** Those whose turn has come: what they stand behind has ended, and their key is free. */
  const unblock = query<{ readonly id: string }>(`
    UPDATE ${tasks} SET state = CASE WHEN due_at > :now THEN ${State.delayed} ELSE ${State.queued} END, behind = NULL
    WHERE id IN (
      SELECT b.id FROM ${tasks} b WHERE b.namespace = CAST(:namespace AS text) AND b.state = ${State.blocked}
        AND NOT EXISTS (SELECT 1 FROM ${tasks} h WHERE h.id = b.behind AND h.state IN ${live})
        AND (b.uniq = 0 OR NOT EXISTS (SELECT 1 FROM ${tasks} h WHERE h.namespace = b.namespace AND h.job = b.job AND h.key = b.key
          AND h.uniq = 1 AND (h.state IN (0, 1, 2) OR h.kept = 1 OR (h.state = ${State.blocked} AND h.id < b.id)))))
    RETURNING id`)
  const blocked = query<{ readonly id: string }>(`
    SELECT id FROM ${tasks} WHERE namespace = CAST(:namespace AS text) AND state = ${State.blocked} AND uniq = 1
      AND job = CAST(:job AS text) AND key = CAST(:key AS text) ORDER BY id`)
  const unkeepBlocking = query(`
    UPDATE ${tasks} SET kept = 0 WHERE namespace = CAST(:namespace AS text) AND kept = 1 AND EXISTS (SELECT 1 FROM ${tasks} b
      WHERE b.namespace = ${tasks}.namespace AND b.state = ${State.blocked} AND b.job = ${tasks}.job AND b.key = ${tasks}.key)`)

  const setPriority = query(`
    UPDATE ${tasks} SET priority = :priority WHERE id = CAST(:id AS text) AND state IN (${State.queued}, ${State.delayed}, ${State.blocked})`)

  const addNode = query<{ readonly id: number }>(`
    INSERT INTO ${tables.nodes} (namespace, name, started_at) VALUES (CAST(:namespace AS text), CAST(:name AS text), :now) RETURNING id`)
  const dropNode = query<{ readonly id: number }>(
    `DELETE FROM ${tables.nodes} WHERE id = CAST(:node AS bigint) RETURNING id`
  )
  const otherNodes = query(
    `DELETE FROM ${tables.nodes} WHERE namespace = CAST(:namespace AS text) AND id <> CAST(:me AS bigint)`
  )
  const allNodes = query<
    { readonly id: number, readonly name: string, readonly started_at: number, readonly claimed: number }
  >(`
    SELECT n.id, n.name, n.started_at, (SELECT count(*) FROM ${tasks} t WHERE t.state = ${State.claimed} AND t.owner = n.id) AS claimed
    FROM ${tables.nodes} n WHERE n.namespace = CAST(:namespace AS text) ORDER BY n.id`)
  const hasNode = query(`SELECT 1 FROM ${tables.nodes} WHERE id = CAST(:node AS bigint)`)
  /** Nodes whose session has ended: the server has let go of their lock. */
  const goneNodes = query<{ readonly id: number }>(`
    SELECT n.id FROM ${tables.nodes} n WHERE n.namespace = CAST(:namespace AS text) AND NOT EXISTS (
      SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database
        WHERE datname = current_database()) AND l.classid = CAST(CAST(:locks AS bigint) AS oid) AND l.objid = CAST(n.id AS oid) AND l.objsubid = 2)`)

  const prune = query<{ readonly id: string }>(`
    DELETE FROM ${tasks} WHERE id IN (SELECT t.id FROM ${tasks} t WHERE t.expires_at <= :now AND t.namespace = CAST(:namespace AS text)
      AND t.state >= ${State.success} AND NOT EXISTS (SELECT 1 FROM ${tasks} p WHERE p.id = t.parent_id)
      ORDER BY t.expires_at LIMIT 1000 ${isPostgres ? "FOR UPDATE SKIP LOCKED" : ""}) RETURNING id`)
  const remove = query<{ readonly id: string }>(
    `DELETE FROM ${tasks} WHERE namespace = CAST(:namespace AS text) AND id IN ${
      list(":ids")
    } AND state >= ${State.success} RETURNING id`
  )
  const dropMail = query(`DELETE FROM ${tables.messages} WHERE task_id IN ${list(":ids")}`)

  const post = query(`
    INSERT INTO ${tables.messages} (task_id, body)
    SELECT id, CAST(:body AS text) FROM ${tasks} WHERE id = CAST(:id AS text) AND state IN ${live} RETURNING seq`)
  const mail = query<{ readonly task_id: string, readonly seq: number, readonly body: string }>(`
    SELECT task_id, seq, body FROM ${tables.messages} WHERE task_id = CAST(:id AS text) AND seq > CAST(:after AS bigint) ORDER BY seq`)

  const pause = query(`
    INSERT INTO ${tables.pauses} (namespace, job) VALUES (CAST(:namespace AS text), CAST(:job AS text)) ON CONFLICT DO NOTHING`)
  const resume = query(
    `DELETE FROM ${tables.pauses} WHERE namespace = CAST(:namespace AS text) AND job = CAST(:job AS text)`
  )
  const pauses = query<{ readonly job: string }>(
    `SELECT job FROM ${tables.pauses} WHERE namespace = CAST(:namespace AS text)`
  )

  const notify = query(`SELECT pg_notify(CAST(:channel AS text), text) FROM ${list(":ids")} AS told(text)`)
  const transactionId = query<{ readonly xid: string }>("SELECT CAST(pg_current_xact_id() AS text) AS xid")
  const transactionStatus = query<{ readonly status: string | null }>(
    "SELECT pg_xact_status(CAST(CAST(:xid AS text) AS xid8)) AS status"
  )
  const schemaName = query<{ readonly name: string }>("SELECT current_schema() AS name")
  const time = query<{ readonly now: number }>("SELECT :now AS now")

  const version = query<{ readonly version: number | null }>(`SELECT max(version) AS version FROM ${tables.migrations}`)
  const steps = migrations(tables, isPostgres)
  /** Additive, and one after the other, whoever comes first. */
  const migrate = client.withTransaction(Effect.gen(function*() {
    if (isPostgres) {
      yield* query("SELECT pg_advisory_xact_lock(hashtext(CAST(:table AS text)))")({ table: tables.migrations })
    }
    yield* query(
      `CREATE TABLE IF NOT EXISTS ${tables.migrations} (version int PRIMARY KEY, applied_at bigint NOT NULL)`
    )()
    const [row] = yield* version()
    const found = Number(row.version ?? 0)
    if (found > steps.length) {
      return yield* new DurableError({ reason: new NewerDatabase({ table: tables.tasks, found, known: steps.length }) })
    }
    for (const [i, statements] of [...steps.entries()].slice(found)) {
      for (const statement of statements) {
        yield* query(statement)()
        reach("in-migration")
      }
      yield* query(`INSERT INTO ${tables.migrations} (version, applied_at) VALUES (:version, :now)`)({ version: i + 1 })
    }
  }))

  const ids = (all: ReadonlyArray<string>) => ({ ids: JSON.stringify(all) })
  const rows = (all: ReadonlyArray<unknown>) => ({ batch: JSON.stringify(all) })
  return {
    isPostgres,
    client,
    tables,
    query,
    migrate,
    insert: (all: ReadonlyArray<NewRow>, me: number) => insertRows({ ...rows(all), me }),
    conflicting: (all: ReadonlyArray<NewRow>) =>
      Effect.map(
        conflicting(rows(all.map(({ id, job, key, uniq }) => ({ id, job, key, uniq })))),
        (found) => found.map(toSeen)
      ),
    lookAt: (all: ReadonlyArray<string>) => Effect.map(lookAt(ids(all)), (found) => found.map(toSeen)),
    fullRow,
    newestOf,
    unkeep,
    outcomes: (all: ReadonlyArray<Outcome>, me: number) => outcomes({ ...rows(all), me }),
    notes: (all: ReadonlyArray<Note>, me: number) => notes({ ...rows(all), me }),
    pull: (jobs: Record<string, number>, limit: number, me: number, suspects: boolean) =>
      Effect.map(
        pull({ jobs: JSON.stringify(jobs), limit, me, fewest: suspects ? 2 : 0, most: suspects ? 1e6 : 1 }),
        (found) => found.map(toClaimed).toSorted(inOrder)
      ),
    stage,
    nextDue,
    expireQueued,
    nextExpiry,
    releaseOthers,
    releaseOf,
    adoptOrphans,
    leave,
    cancel: (all: ReadonlyArray<string>, reason: string) => cancel({ ...ids(all), reason }),
    cancelsOf,
    claimsOf,
    requeue: (all: ReadonlyArray<string>) => requeue(ids(all)),
    unblock,
    blocked,
    unkeepBlocking,
    setPriority,
    addNode,
    dropNode,
    otherNodes,
    allNodes,
    hasNode,
    goneNodes,
    prune,
    remove: (all: ReadonlyArray<string>) => remove(ids(all)),
    dropMail: (all: ReadonlyArray<string>) => dropMail(ids(all)),
    post,
    mail,
    pause,
    resume,
    pauses,
    notify: (channel: string, texts: ReadonlyArray<string>) => notify({ channel, ...ids(texts) }),
    transactionId,
    transactionStatus,
    schemaName,
    time
  }
}

export type Journal = ReturnType<typeof make>
