/** The rooms of the runtime's house, lowest first: each knows those before it, of types too, and none after it. */
const rooms = ["job", "queue", "record", "observe", "transition", "wait", "dispatch", "run", "handle", "testing"]
const house = "^packages/effect-tasks/src/internal/"

/** Where imports may go. `scripts/imports.ts` also asserts how many modules were seen: an unparsed tree has no violations. */
module.exports = {
  forbidden: [
    ...rooms.slice(0, -1).map((room, i) => ({
      name: `room-${room}`,
      comment: "Between rooms imports go one way.",
      severity: "error",
      from: { path: `${house}${room}/` },
      to: { path: `${house}(${rooms.slice(i + 1).join("|")})/` }
    })),
    {
      name: "no-room",
      comment: "Every internal module stands in a room, and the room in the list above.",
      severity: "error",
      from: {},
      to: { path: house, pathNot: `${house}(${rooms.join("|")})/` }
    },
    {
      name: "interfaces-from-above",
      comment: "The rooms implement the public interfaces: of public modules they import types alone, and errors.",
      severity: "error",
      from: { path: house },
      to: {
        path: "^packages/effect-tasks/src/[^/]+\\.ts$",
        pathNot: "/TaskError\\.ts$",
        dependencyTypesNot: ["type-only"]
      }
    },
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
      comment:
        "The dashboard's page runs in a browser: of the server it knows the contract and the filters alone, and what says of itself that it runs there too.",
      severity: "error",
      from: { path: "^packages/dashboard/web/src/" },
      to: {
        path: "^(packages/(?!dashboard/)|packages/dashboard/src/(?!(Contract|Filter|internal/(limits|history))\\.ts$))"
      }
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
