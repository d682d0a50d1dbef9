import {
  type ElementFacts,
  type JsonObject,
  pathOfSource,
  type RenderRequest,
  type Source,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { Probes } from "../../agents/probes.js";
import { StepError } from "../../workflows/kind.js";

const PROBE_MS = 20_000;

/** What agents saw in the sources of a render. */
export interface Seen extends JsonObject {
  facts: ElementFacts;
}

/**
 * Has an agent look into every video and sound of a request, so that all parts are timed alike.
 *
 * @throws StepError where one can't be used, or where no agent can look now.
 */
export async function lookIntoSources(request: RenderRequest, room: string, probes: Probes): Promise<Seen> {
  const facts: ElementFacts = [];
  const known = new Map<string, ElementFacts[number]>();
  for (const [element, one] of request.elements.entries()) {
    if (one.type !== "video" && one.type !== "audio") continue;
    const seen = known.get(one.source) ?? (await look(one.source, element, room, probes));
    known.set(one.source, seen);
    facts.push({ ...seen, element });
  }
  return { facts };
}

async function look(source: string, element: number, room: string, probes: Probes): Promise<ElementFacts[number]> {
  const path = pathOfSource(source);
  const asked: Source = path === undefined ? { type: "http", url: source } : { type: "file", path, loop: false };
  try {
    const { streams, durationSeconds } = await probes.look(probes.choose(room, asked), {
      source: asked,
      deadlineMs: PROBE_MS,
    });
    const has = (type: string) => streams.some((stream) => stream.type === type);
    const length = durationSeconds === undefined || durationSeconds <= 0 ? {} : { durationSeconds };
    return { element, hasVideo: has("video"), hasAudio: has("audio"), ...length };
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    const { code, message, details } = thrown;
    const issues = [{ path: `elements.${element}.source`, message }];
    // Whoever is asked says whether it may go better another time; nobody to be asked is a matter of waiting.
    if (code !== "SOURCE_UNREADABLE") throw new StepError({ code, message }, true);
    throw new StepError({ code, message, detail: { issues, ...(details === undefined ? {} : { details }) } }, false);
  }
}
