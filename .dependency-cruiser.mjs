import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The import walls: apps → packages → protocol, and nothing the other way (docs/architecture.md).
 *
 * Files are parsed by swc, because TypeScript 7 has no compiler API. A workspace package appears under its name where it
 * is not built and under its `dist/` where it is, so each wall names both.
 */
const members = (folder) =>
  existsSync(folder)
    ? readdirSync(folder).flatMap((directory) => {
        const manifest = join(folder, directory, "package.json");
        return existsSync(manifest) ? [{ directory, name: JSON.parse(readFileSync(manifest, "utf8")).name }] : [];
      })
    : [];
const apps = members("apps");
const own = [...apps, ...members("packages")];
const namesOf = (list) => list.map(({ name }) => `^${name}(/|$)`);
const packageFiles = (name) => `^packages/${name}/`;
const tests = "[.]test[.]ts$|/test/";
/** Modules that only decide: no store, no socket, no clock of their own. */
const PURE =
  "^apps/orchestrator/src/(workflows/(definition|core/[^/]+)|renders/workflow/(choose|templates)|resources/(amounts|demand|scaling)|analytics/(statistics|smoothing|forecast|recommendations)|jobs/(lifecycle|transitions|changes|failure|titles|wording|restart-policy|schedule)|scheduling/(placement|requirement|settings|lanes/(lane-shares|ordered-jobs)|history/agent-performance|model/(ridge|render-features|render-time-model)|strategies/(by-load|in-turn|performance-based|picked|soonest-done))|renders/distributed/pace|youtube/(live/(health|sightings)|broadcasts/(next-step|after-failure|texts|words)|quota/(allowance|pacific-day)))[.]ts$";
const PURE_IN_SCENES = "^apps/scenes/src/timeline/";

export default {
  forbidden: [
    {
      name: "no-cycles",
      comment: "Files that import each other can't be read or tested apart.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...apps.map(({ directory, name }) => ({
      name: `app-${directory}-imports-no-app`,
      comment: "Apps meet on the wire, not in code.",
      severity: "error",
      from: { path: `^apps/${directory}/` },
      to: { path: ["^apps/", ...namesOf(apps)], pathNot: [`^apps/${directory}/`, `^${name}(/|$)`] },
    })),
    {
      name: "packages-import-no-app",
      comment: "A package serves any app, so it knows none.",
      severity: "error",
      from: { path: "^packages/" },
      to: { path: ["^apps/", ...namesOf(apps)] },
    },
    {
      name: "no-foreign-sources",
      comment: "A package is used through its exports; its src/ is its own business.",
      severity: "error",
      from: { path: "^(apps|packages|examples)/([^/]+)/" },
      to: { path: "^(apps|packages|examples)/[^/]+/src/", pathNot: "^$1/$2/" },
    },
    {
      name: "no-foreign-sources-from-tools",
      comment: "A package is used through its exports; its src/ is its own business.",
      severity: "error",
      from: { path: "^(bench|chaos|scripts)/" },
      to: { path: "^(apps|packages)/[^/]+/src/" },
    },
    {
      name: "protocol-depends-on-zod-alone",
      comment: "Integrators install the protocol outside this workspace, in browsers too.",
      severity: "error",
      from: { path: "^packages/protocol/src/", pathNot: [tests, "/write-json-schemas[.]ts$"] },
      to: { pathNot: [packageFiles("protocol"), "(^|/)node_modules/zod/", "^zod(/|$)"] },
    },
    {
      name: "ffmpeg-knows-no-orchestrator",
      comment: "Building arguments and minding processes must work without a control plane.",
      severity: "error",
      from: { path: packageFiles("ffmpeg") },
      to: {
        path: ["agent-sdk", "store"].flatMap((name) => [packageFiles(name), `^@stream-control/${name}(/|$)`]),
      },
    },
    {
      name: "bus-knows-no-package",
      comment: "What services meet on must not know what they say.",
      severity: "error",
      from: { path: packageFiles("bus"), pathNot: tests },
      to: { path: ["^packages/", ...namesOf(own)], pathNot: packageFiles("bus") },
    },
    {
      name: "service-kit-imports-protocol-and-store-alone",
      comment:
        "What every service needs must not drag another package into every service. The store is needed: who may do what, and who did what, is kept in each service's own database, in the same transactions as its facts.",
      severity: "error",
      from: { path: packageFiles("service-kit") },
      to: {
        path: ["^packages/", ...namesOf(own)],
        pathNot: ["^packages/(service-kit|protocol|store)/", "^@stream-control/(service-kit|protocol|store)(/|$)"],
      },
    },
    {
      name: "decisions-are-pure",
      comment: "What decides takes everything as an argument, so that every case can be tested as a value.",
      severity: "error",
      from: { path: [PURE, PURE_IN_SCENES], pathNot: tests },
      to: {
        pathNot: [
          PURE,
          PURE_IN_SCENES,
          "^packages/(protocol|service-kit)/",
          "^@stream-control/(protocol|service-kit)$",
        ],
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "relative-imports-resolve",
      comment: "A wall can only be seen where the other side is found.",
      severity: "error",
      from: {},
      to: { path: "^[.]", couldNotResolve: true },
    },
  ],
  options: {
    parser: "swc",
    // Tests may use `using`, which the swc walker of dependency-cruiser does not know yet; they build no walls either.
    exclude: { path: "(^|/)test/" },
    doNotFollow: { path: "(^|/)(node_modules|dist)/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "default"],
      extensions: [".ts", ".tsx", ".mts", ".mjs", ".js"],
    },
  },
};
