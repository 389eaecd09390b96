// Prints CI's last line from vitest's JSON report. A file that did not load, or a run that failed without a failed test, counts one.
import { existsSync, readFileSync } from "node:fs"

const [report, status] = process.argv.slice(2)
const { numFailedTests = 0, numPassedTests = 0, testResults = [] } = existsSync(report)
  ? JSON.parse(readFileSync(report, "utf8"))
  : {}
const unloaded = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length
const failed = numFailedTests + unloaded
console.log(`${numPassedTests} passed, ${failed === 0 && status !== "0" ? 1 : failed} failed`)
