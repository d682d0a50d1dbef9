import type { AgentRecord } from "@stream-control/protocol";
import { isObject, type Json, type JsonObject } from "../schema-form/schema.js";

/** What is known of whether an agent could run a stream. */
export interface Fit {
  agent: AgentRecord;
  /** Why it could not; undefined where it could. */
  why: string | undefined;
}

const DEFAULT_HEIGHT = 720;

/** The protocols that a config's source and destinations speak. */
export function protocolsOf(config: JsonObject): string[] {
  const destinations = Array.isArray(config.destinations) ? config.destinations : [];
  return [...new Set([config.source, ...destinations].flatMap((end: Json) => protocolOf(end)))];
}

function protocolOf(end: Json): string[] {
  if (!isObject(end)) return [];
  if (typeof end.url === "string") {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(end.url)?.[1];
    if (scheme !== undefined) return [scheme.toLowerCase()];
  }
  if (end.type === "hls") return ["file"];
  return typeof end.type === "string" ? [end.type] : [];
}

/** Which agents could run a stream, by what they say of themselves; the orchestrator decides when the stream is started. */
export function fitAgents(config: JsonObject, agents: Iterable<AgentRecord>): Fit[] {
  const video = isObject(config.video) ? config.video : {};
  const height = typeof video.height === "number" ? video.height : DEFAULT_HEIGHT;
  const encoder = typeof video.encoder === "string" ? video.encoder : "auto";
  const protocols = protocolsOf(config);
  return [...agents].map((agent) => ({ agent, why: whyNot(agent, { height, encoder, protocols }) }));
}

interface Wish {
  height: number;
  encoder: string;
  protocols: readonly string[];
}

function whyNot({ state, drain, capabilities, currentJobIds }: AgentRecord, wish: Wish): string | undefined {
  if (state === "OFFLINE") return "it is away";
  if (drain) return "it is being drained";
  const largest = Number.parseInt(capabilities.maxResolution ?? "", 10);
  if (wish.height > largest) return `it takes pictures up to ${capabilities.maxResolution}`;
  const missing = wish.protocols.find((protocol) => capabilities.protocols?.includes(protocol) === false);
  if (missing !== undefined) return `it does not take ${missing}`;
  if (wish.encoder !== "auto" && capabilities.videoEncoders?.includes(wish.encoder) === false)
    return `it has no encoder ${wish.encoder}`;
  if (currentJobIds.length >= capabilities.slots) return "all its slots are in use";
  return undefined;
}
