export interface RuleMutant {
  readonly rule: string
  readonly name: string
  readonly edits: ReadonlyArray<readonly [file: string, find: string, replace: string]>
}

/** A rule that one edit breaks. */
export const one = (rule: string, name: string, file: string, find: string, replace: string): RuleMutant => ({
  rule,
  name,
  edits: [[file, find, replace]]
})
