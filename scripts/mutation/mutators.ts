/**
 * Finds the mutants of a source, and builds from it one source that holds them all: each place asks `__mutant(id)` which
 * version to run. So the modules are loaded once, not once for each mutant.
 */
import { parseAst } from "vitest/node"

export interface Mutant {
  readonly id: number
  readonly file: string
  readonly line: number
  readonly kind: string
  readonly original: string
  readonly mutated: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: any
}

type Version = readonly [kind: string, text: string]

const flipped: { readonly [operator: string]: string } = {
  "===": "!==",
  "!==": "===",
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "&&": "||",
  "||": "&&",
  "+": "-",
  "-": "+",
  "++": "--",
  "--": "++",
  "+=": "-=",
  "-=": "+="
}

/** What is only there for the compiler. */
const isType = ({ type }: Node): boolean =>
  type.startsWith("TS") && !/^TS(As|NonNull|Satisfies|Instantiation)Expression$/.test(type)

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string"

/** The parts of a node in the order of the source; of a shorthand property, whose parts are one, none. */
const childrenOf = (node: Node): ReadonlyArray<Node> => {
  if (node.type === "Property" && node.shorthand) return []
  return Object.entries(node)
    .filter(([key]) => key !== "parent")
    .flatMap(([, value]) => value)
    .filter(isNode)
    .toSorted((a, b) => a.start - b.start)
}

const functions = /^(ArrowFunctionExpression|FunctionExpression|FunctionDeclaration)$/

class Source {
  readonly mutants: Array<Mutant> = []
  private readonly file: string
  private readonly code: string
  private lastId: number

  constructor(file: string, code: string, lastId: number) {
    this.file = file
    this.code = code
    this.lastId = lastId
  }

  /** The text of a node in which every mutant of it and of its parts can be switched on. */
  render(node: Node, parent?: Node): string {
    if (isType(node) || node.type === "ImportDeclaration") return this.text(node)
    let inner = ""
    let at = node.start
    for (const [child, text] of this.parts(node)) {
      inner += this.code.slice(at, child.start) + text
      at = child.end
    }
    inner += this.code.slice(at, node.end)
    const versions = this.versions(node, parent)
    if (versions.length === 0) return inner
    const choice = versions.map(([kind, text]) => `__mutant(${this.add(node, kind, text)})?(${text}):`)
    return `(${choice.join("")}(${inner}))`
  }

  private parts(node: Node): ReadonlyArray<readonly [Node, string]> {
    const children = childrenOf(node)
    const lists = [node.body, node.consequent].filter(Array.isArray)
    return children.map((child) => {
      const list = lists.find((each) => each.includes(child))
      return [child, isStatement(child) ? this.statement(child, node, list) : this.render(child, node)]
    })
  }

  /** A statement that can be left out, or change places with the next. */
  private statement(node: Node, parent: Node, list: ReadonlyArray<Node> | undefined): string {
    const index = list?.indexOf(node) ?? -1
    const before = index > 0 ? list![index - 1] : undefined
    const after = index >= 0 ? list![index + 1] : undefined
    const body = functions.test(parent.type) && node.type === "BlockStatement"
    if (body) return this.functionBody(node)
    if (!isRemovable(node, parent, after)) return this.render(node, parent)
    const skipped = [this.add(node, "remove a statement", "")]
    let prefix = ""
    if (after !== undefined && acts(node) && acts(after)) {
      const id = this.add(
        { ...node, end: after.end },
        "swap two statements",
        `${this.text(after)}; ${this.text(node)}`
      )
      this.swaps.set(after, id)
      prefix = `if(__mutant(${id})){${this.text(after)};}`
    }
    const swapped = before === undefined ? undefined : this.swaps.get(node)
    if (swapped !== undefined) skipped.push(swapped)
    const kept = `if(!(${skipped.map((id) => `__mutant(${id})`).join("||")})){${this.render(node, parent)};}`
    return list === undefined ? `{${kept}}` : prefix + kept // braces, lest an `else` finds the wrong `if`
  }
  private readonly swaps = new Map<Node, number>()

  private functionBody(node: Node): string {
    const text = this.render(node)
    if (node.body.length < 2) return text // one statement: to remove it is the same
    return `{if(__mutant(${this.add(node, "empty a function", "{}")}))return;${text.slice(1)}`
  }

  private add({ end, start }: Node, kind: string, mutated: string): number {
    const id = ++this.lastId
    const line = this.code.slice(0, start).split("\n").length
    this.mutants.push({ id, file: this.file, line, kind, original: this.code.slice(start, end), mutated })
    return id
  }

  private text({ end, start }: Node): string {
    return this.code.slice(start, end)
  }

  /** What else an expression could be. */
  private versions(node: Node, parent: Node | undefined): ReadonlyArray<Version> {
    const versions = this.own(node, parent)
    if (isCondition(node, parent)) {
      versions.push(["a condition is false", "false"])
      if (!/^(For|While)Statement$/.test(parent!.type)) versions.push(["a condition is true", "true"])
    }
    if (parent?.type === "ArrowFunctionExpression" && parent.body === node) {
      versions.push(["a function gives nothing", "undefined"])
    }
    return versions.filter(([, text]) => text !== this.text(node))
  }

  private own(node: Node, parent: Node | undefined): Array<Version> {
    const { argument, left, operator, right } = node
    const infix = (to: string, kind: string): Array<Version> => [[kind, `${this.text(left)} ${to} ${this.text(right)}`]]
    switch (node.type) {
      case "BinaryExpression":
        return operator in flipped ? infix(flipped[operator], "flip an operator") : []
      case "LogicalExpression":
        return operator === "??" ? [["drop a fallback", this.text(left)]] : infix(flipped[operator], "flip an operator")
      case "AssignmentExpression":
        if (operator === "??=") return infix("=", "assign always")
        return operator in flipped ? infix(flipped[operator], "flip an operator") : []
      case "UpdateExpression": {
        const to = flipped[operator]
        return [["flip an operator", node.prefix ? to + this.text(argument) : this.text(argument) + to]]
      }
      case "UnaryExpression":
        return operator === "!" ? [["drop a negation", this.text(argument)]] : []
      case "ArrayExpression":
        return node.elements.length > 0 ? [["empty a list", "[]"]] : []
      case "Identifier":
        return node.name === "Infinity" ? [["change a number", "0"]] : []
      case "Literal":
        return parent?.key === node ? [] : literal(node.value)
      default:
        return []
    }
  }
}

const literal = (value: unknown): Array<Version> =>
  typeof value === "boolean"
    ? [["flip a boolean", `${!value}`]]
    : typeof value === "number"
    ? [["change a number", `${value + 1}`]]
    : []

const isStatement = ({ type }: Node): boolean => type.endsWith("Statement")

/** A statement that does something beyond an assignment: two assignments may mostly change places. */
const acts = ({ expression, type }: Node): boolean =>
  type === "ExpressionStatement" && /^(Call|Yield|Chain)Expression$/.test(expression.type)

const isCondition = (node: Node, parent: Node | undefined): boolean =>
  parent !== undefined && parent.test === node && node.type !== "Literal"

/** A statement whose absence compiles; of returns those that come early. */
const isRemovable = ({ type }: Node, parent: Node, after: Node | undefined): boolean =>
  type === "ExpressionStatement" || type === "ContinueStatement" || type === "ThrowStatement" ||
  (type === "ReturnStatement" && (after !== undefined || parent.type === "IfStatement"))

/** Every mutant of a source, and the source that holds them all. */
export const mutate = (file: string, code: string, lastId: number) => {
  const source = new Source(file, code, lastId)
  const program = parseAst(code, { lang: "ts" }) as unknown as Node
  return { code: code.slice(0, program.start) + source.render(program), mutants: source.mutants }
}
