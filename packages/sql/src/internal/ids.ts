/** Ids of tasks: ordered by time, never used twice; those of children say of whom and which. */
import { createHash, randomBytes } from "node:crypto"

let lastMillis = 0
let counter = 0

/** 12 hex digits of milliseconds, 6 of a counter, 10 of chance. */
export const newId = (): string => {
  const millis = Date.now()
  if (millis > lastMillis) {
    lastMillis = millis
    counter = 0
  } else {
    counter++
  }
  return hex(lastMillis, 12) + hex(counter, 6) + randomBytes(5).toString("hex")
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/** What is asked for in the same way by the same attempt is counted, so that a parent that runs again finds its children. */
export const childId = (parentId: string, job: string, what: string, nth: number): string => {
  const text = JSON.stringify([parentId, job, what, nth])
  return parentId.slice(0, 12) + createHash("sha256").update(text).digest("hex").slice(0, 20)
}

const longestKey = 1000

/** A key as it is stored: databases take no NUL and no half of a surrogate pair, and index no long text. */
export const storedKey = (key: string): string => {
  if (Buffer.byteLength(key) > longestKey) {
    return `\\sha256:${createHash("sha256").update(JSON.stringify(key)).digest("hex")}`
  }
  return key.startsWith("\\") || key.includes("\0") || !key.isWellFormed() ? `\\json:${JSON.stringify(key)}` : key
}
