/** Where imports may go. `scripts/check.ts` also asserts how many modules were seen: an unparsed tree has no violations. */
module.exports = {
  forbidden: [
    {
      name: "no-circular",
      comment: "Data flows one way: no circles of values. What two modules share belongs in a third.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } }
    },
    {
      name: "internal-stays-home",
      comment: "`src/internal` belongs to its package (its own tests may look).",
      severity: "error",
      from: { path: "^packages/([^/]+)/" },
      to: { path: "^packages/[^/]+/src/internal/", pathNot: "^packages/$1/" }
    },
    {
      name: "packages-by-name",
      comment: "Another package is imported by its name, never by a path into it.",
      severity: "error",
      from: { path: "^packages/([^/]+)/" },
      to: { path: "^packages/", pathNot: "^packages/$1/", dependencyTypes: ["local"] }
    },
    {
      name: "runtime-without-testing",
      comment: "The runtime never needs `effect-tasks/testing`.",
      severity: "error",
      from: { path: "^packages/effect-tasks/src/", pathNot: "^packages/effect-tasks/src/testing/" },
      to: { path: "^packages/effect-tasks/src/testing/" }
    },
    {
      name: "runtime-knows-no-user",
      comment: "effect-tasks stands below every other package.",
      severity: "error",
      from: { path: "^packages/effect-tasks/" },
      to: { path: "^packages/(?!effect-tasks/)" }
    },
    {
      name: "runtime-only-on-effect",
      comment: "effect-tasks runs wherever Effect runs: no Node built-ins, no package but effect.",
      severity: "error",
      from: { path: "^packages/effect-tasks/src/" },
      to: { pathNot: "^(packages/effect-tasks/src|node_modules/effect)/" }
    },
    {
      name: "page-by-contract",
      comment: "The dashboard's page runs in a browser: of the server it knows the contract and the filters alone.",
      severity: "error",
      from: { path: "^packages/dashboard/web/src/" },
      to: { path: "^(packages/(?!dashboard/)|packages/dashboard/src/(?!(Contract|Filter)\\.ts$))" }
    },
    {
      name: "sources-without-tests",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: { path: "^packages/[^/]+/test/" }
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true }
    }
  ],
  options: {
    parser: "swc", // TypeScript 7 has no compiler API
    tsPreCompilationDeps: true, // see imports of types too
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^packages/[^/]+/dist/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
      extensions: [".ts", ".js", ".json"]
    }
  }
}
