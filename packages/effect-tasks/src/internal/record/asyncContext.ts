interface AsyncResource {
  runInAsyncScope<A>(f: () => A): A
}

interface BuiltIns {
  readonly process?: { readonly getBuiltinModule?: (name: string) => any }
}

/** Runs a function in the async context (`AsyncLocalStorage`) of here and now; as it is where the platform has none. */
export const asyncContext = (): <A>(f: () => A) => A => {
  const Resource = (globalThis as BuiltIns).process?.getBuiltinModule?.("node:async_hooks")?.AsyncResource
  if (Resource === undefined) return (f) => f()
  const resource: AsyncResource = new Resource("effect-tasks")
  return (f) => resource.runInAsyncScope(f)
}
