import { readFile } from "node:fs/promises";
import type { Access } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import type { RequestHandler } from "express";
import { z } from "zod";
import type { AgentRegistry } from "../agents/registry.js";
import { Repeated } from "../configuration/repeated.js";
import type { Settings } from "../configuration/settings.js";
import { RENDERS_PATH } from "../renders/http.js";
import type { Guards } from "../resilience/guards.js";
import { resilienceRoutes } from "../resilience/routes.js";
import { Health } from "./health.js";
import { healthRoutes, serviceRoutes } from "./routes.js";

export interface HealthPartsDeps {
  access: Access;
  readBody: RequestHandler;
  audit: AuditRecorder;
  registry: AgentRegistry;
  settings: Settings;
  guards: Guards;
  checkStore: () => Promise<void>;
  dataDir: string;
  mediaDir: string | undefined;
  /** Asks where results are whether they can be fetched. */
  results: { readonly kinds: readonly string[]; check(): Promise<void> };
  now: () => Date;
}

export interface HealthParts {
  readonly routes: Routes;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What platforms and people ask about how the service fares. */
export async function assembleHealth(deps: HealthPartsDeps): Promise<HealthParts> {
  const { access, readBody, audit, registry, settings, guards, dataDir, mediaDir, results, now } = deps;
  const version = await ownVersion();
  const health = new Health({
    ...{ checkStore: deps.checkStore, registry, version, now, breakers: () => guards.states },
    folders: { data: dataDir, ...(mediaDir === undefined ? {} : { media: mediaDir }) },
    checkResults: results.kinds.length === 0 ? undefined : () => results.check(),
  });
  const looking = new Repeated(
    settings,
    ({ loadBalancing }) => loadBalancing.healthCheckInterval,
    () => health.look(),
  );
  const shared = { access, readBody, registry, health, facts: { version, stores: results.kinds }, now };
  return {
    routes: [
      ["/", healthRoutes(shared)],
      [RENDERS_PATH, serviceRoutes(shared)],
      [RENDERS_PATH, resilienceRoutes({ access, readBody, audit, guards })],
    ],
    async start() {
      await health.look();
      looking.start();
    },
    async stop() {
      health.stopping();
      await looking.stop();
    },
  };
}

/** The version in package.json, from src/ as from dist/. */
async function ownVersion(): Promise<string> {
  for (const place of ["../package.json", "../../package.json"]) {
    const text = await readFile(new URL(place, import.meta.url), "utf8").catch(() => undefined);
    if (text !== undefined) return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
  }
  return "unknown";
}
