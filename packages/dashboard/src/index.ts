/**
 * A live dashboard for effect-tasks: see the tasks of an application run, and act on them.
 *
 * @since 0.1.0
 */
export * as Contract from "./Contract.ts"
export { Dashboard, type DashboardOptions, type RouterOptions, ServeError, type ViewOptions } from "./Dashboard.ts"
export { DashboardClient, type DashboardClientOptions } from "./DashboardClient.ts"
export * as DashboardLogs from "./DashboardLogs.ts"
export * as DashboardSpans from "./DashboardSpans.ts"
export * as Filter from "./Filter.ts"
export * as Sensitive from "./Sensitive.ts"
