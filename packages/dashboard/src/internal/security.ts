/**
 * Who may ask.
 *
 * A page of any site can make a browser send requests to this machine. So a request must come to a name of this server
 * (else a hostile name that resolves to loopback would make it same-origin), from this server's own page or from no page
 * at all, with the token.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto"

export const makeToken = (): string => randomBytes(32).toString("base64url")

/** Shorter ones can be guessed. */
export const shortestToken = 16

export interface Access {
  readonly token: string
  /** Names by which this server is reached, with port, in lower case. */
  readonly hosts: ReadonlySet<string>
  /** Those of a proxy, which may add the encryption. */
  readonly proxied: ReadonlySet<string>
  readonly cookieName: string
  /** What the cookie holds: made from the token, so that it outlives a restart with the same one, but not the token. */
  readonly cookie: string
}

export const makeAccess = (token: string, host: string, port: number, more: ReadonlyArray<string>): Access => {
  const names = new Set(["127.0.0.1", "localhost", "[::1]", host.includes(":") ? `[${host}]` : host])
  const hosts = [...names, ...more].flatMap((name) => port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])
  return {
    token,
    hosts: new Set([...hosts, ...more].map((name) => name.toLowerCase())),
    proxied: new Set(more.map((name) => name.toLowerCase())),
    cookieName: `effect-tasks-${port}`, // cookies know no ports
    cookie: createHmac("sha256", token).update("@effect-tasks/dashboard cookie").digest("base64url")
  }
}

export interface Asking {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly cookies: Readonly<Record<string, string | undefined>>
}

/** What to do with a request. */
export type Verdict =
  | { readonly _tag: "Allow", readonly path: string }
  /** The token came in the address: it goes into a cookie, and out of the address. */
  | { readonly _tag: "Admit", readonly location: string }
  | { readonly _tag: "Refuse", readonly status: number, readonly why: string }

const refuse = (status: number, why: string): Verdict => ({ _tag: "Refuse", status, why })

export const judge = (access: Access, { cookies, headers, method, url }: Asking): Verdict => {
  const host = headers.host?.toLowerCase()
  if (host === undefined || !access.hosts.has(host)) return refuse(421, "This server does not go by that name.")
  const { origin } = headers
  const isOwn = origin === `http://${host}` || (access.proxied.has(host) && origin === `https://${host}`)
  if (origin !== undefined && !isOwn) return refuse(403, "Requests of other sites are refused.")
  if (method !== "GET" && method !== "HEAD") return refuse(405, "Only GET is served.")
  const target = parse(url)
  if (target === undefined) return refuse(400, "This address cannot be read.")
  const query = target.searchParams.get("token")
  if (query !== null && equal(query, access.token)) {
    target.searchParams.delete("token")
    // the path is made absolute, so that no "//host" leads elsewhere
    return { _tag: "Admit", location: `/${target.pathname.replace(/^[/\\]+/, "")}${target.search}` }
  }
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1]
  const isKnown = bearer === undefined
    ? equal(cookies[access.cookieName] ?? "", access.cookie)
    : equal(bearer, access.token)
  if (!isKnown) return refuse(401, "Open the address with the token, which the application printed when it started.")
  // a cookie is sent along by any page; Origin is missing on plain loads, so the browser's own word counts too
  const site = headers["sec-fetch-site"]
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return refuse(403, "Requests of other sites are refused.")
  }
  return { _tag: "Allow", path: target.pathname }
}

const parse = (url: string): URL | undefined => {
  try {
    return new URL(url.replace(/^[/\\]+/, "/"), "http://dashboard.invalid")
  } catch {
    return undefined
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
