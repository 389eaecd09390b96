/**
 * Who may ask.
 *
 * A page of any site can make a browser send requests to this machine. So a request must come to a name of this server
 * (else a hostile name that resolves to loopback would make it same-origin), from this server's own page or from no page
 * at all, with the token.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { access as most } from "./limits.ts"

export const makeToken = (): string => randomBytes(32).toString("base64url")

export interface Access {
  /** None where the application itself decides who may ask. */
  readonly token: string | undefined
  /** Names by which this server is reached, with port, in lower case; any where the application's server listens. */
  readonly hosts: ReadonlySet<string> | undefined
  /** Those of a proxy. */
  readonly proxied: ReadonlySet<string>
  /** What the cookie holds: made from the token, so that it outlives a restart with the same one, but not the token. */
  readonly cookie: string
}

/** One for all: cookies know no ports, so programs on the same host share it and it remembers each. */
export const cookieName = "effect-tasks"

const lower = (names: ReadonlyArray<string>): ReadonlySet<string> => new Set(names.map((name) => name.toLowerCase()))

const cookieOf = (token: string): string =>
  createHmac("sha256", token).update("@effect-tasks/dashboard cookie").digest("base64url")

/** Of a server of its own. */
export const makeAccess = (token: string, host: string, port: number, more: ReadonlyArray<string>): Access => {
  const names = [...new Set(["127.0.0.1", "localhost", "[::1]", host.includes(":") ? `[${host}]` : host])]
  const hosts = [...names, ...more].flatMap((name) => port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])
  return { token, hosts: lower([...hosts, ...more]), proxied: lower(more), cookie: cookieOf(token) }
}

/** In the server of an application, which knows its names. */
export const mountedAccess = (token: string | undefined, more: ReadonlyArray<string>): Access => ({
  token,
  hosts: undefined,
  proxied: lower(more),
  cookie: token === undefined ? "" : cookieOf(token)
})

export interface Asking {
  readonly method: string
  /** Path below where the dashboard is mounted; empty for that place without its slash. */
  readonly path: string
  readonly search: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly cookies: Readonly<Record<string, string | undefined>>
}

/** What to do with a request. */
export type Verdict =
  | { readonly _tag: "Allow" }
  /** The token came in the address: it goes into a cookie, and out of the address. */
  | { readonly _tag: "Admit", readonly location: string, readonly cookie: string }
  | { readonly _tag: "Refuse", readonly status: number, readonly why: string }

const refuse = (status: number, why: string): Verdict => ({ _tag: "Refuse", status, why })

export const judge = (access: Access, { cookies, headers, method, path, search }: Asking): Verdict => {
  const host = headers.host?.toLowerCase()
  if (host === undefined || access.hosts?.has(host) === false) {
    return refuse(421, "This server does not go by that name.")
  }
  const { origin } = headers
  if (origin !== undefined && !isOwn(access, host, origin)) return refuse(403, "Requests of other sites are refused.")
  if (method !== "GET" && method !== "HEAD") return refuse(405, "Only GET is served.")
  const query = new URLSearchParams(search)
  const given = query.get("token")
  const signedIn = (cookies[cookieName] ?? "").split(".").slice(0, most.cookies)
  if (access.token !== undefined && given !== null && equal(given, access.token)) {
    query.delete("token")
    const others = signedIn.filter((each) => each !== access.cookie && /^[\w-]{43}$/.test(each))
    const cookie = [access.cookie, ...others].slice(0, most.cookies).join(".")
    return { _tag: "Admit", location: relative(path, query), cookie }
  }
  if (access.token !== undefined && !knows(access, access.token, headers.authorization, signedIn)) {
    return refuse(401, "Open the address with the token, which the application printed when it started.")
  }
  // a cookie is sent along by any page; Origin is missing on plain loads, so the browser's own word counts too
  const site = headers["sec-fetch-site"]
  const isPlainLoad = access.token === undefined && headers["sec-fetch-mode"] === "navigate"
  if (site !== undefined && site !== "same-origin" && site !== "none" && !isPlainLoad) {
    return refuse(403, "Requests of other sites are refused.")
  }
  return { _tag: "Allow" }
}

/** The browser's page is this server's, by the name that the browser knows, which a proxy may have changed. */
const isOwn = ({ hosts, proxied }: Access, host: string, origin: string): boolean => {
  const [, scheme, from] = /^(https?):\/\/([^/]+)$/.exec(origin.toLowerCase()) ?? []
  if (from === undefined) return false
  // a server of its own has no encryption, but for that of a proxy
  return proxied.has(from) || (from === host && (scheme === "http" || hosts === undefined))
}

const knows = (
  access: Access,
  token: string,
  authorization: string | undefined,
  signedIn: ReadonlyArray<string>
): boolean => {
  const bearer = /^Bearer (.+)$/i.exec(authorization ?? "")?.[1]
  return bearer === undefined ? signedIn.some((each) => equal(each, access.cookie)) : equal(bearer, token)
}

/** The same place as the browser sees it, whatever a proxy has put in front of it. */
const relative = (path: string, query: URLSearchParams): string => {
  const last = path.slice(path.lastIndexOf("/") + 1)
  const search = query.size === 0 ? "" : `?${query}`
  return `./${encodeURIComponent(decoded(last))}${search}`
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Compares digests: their equal length and constant time tell nothing of the secret. */
const equal = (given: string, secret: string): boolean => timingSafeEqual(digest(given), digest(secret))

const digest = (text: string): Buffer => createHash("sha256").update(text).digest()

/** Headers of every answer. */
export const headersFor = (host: string): Readonly<Record<string, string>> => ({
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "manifest-src 'self'",
    `connect-src 'self' ws://${host} wss://${host}`, // not every browser counts WebSockets as 'self'
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
})
