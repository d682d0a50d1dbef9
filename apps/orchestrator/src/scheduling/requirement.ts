import { type JsonObject, QUALITIES, RENDERS_FEATURE, videoSettingsSchema } from "@stream-control/protocol";
import { type Amounts, amountsKey, needOf } from "../resources/amounts.js";
import { demandOf } from "../resources/demand.js";

/** What a stream config that says no height is encoded at. */
const DEFAULT_HEIGHT = videoSettingsSchema.parse({}).height;

/** What a job asks of an agent. */
export interface Requirement {
  /** Height of the picture in pixels, where the config says one. */
  height: number | undefined;
  /** The room that the agent must belong to. */
  room: string;
  /** What the agent must say that it knows. */
  feature?: string | undefined;
  /** Agents that are not to have it. */
  avoidAgents?: readonly string[] | undefined;
  /** What it needs of the machine; nothing is asked about that unless given. */
  needs?: Amounts | undefined;
}

/** What a config needs of a machine. */
export type NeedsOf = (config: JsonObject) => Amounts;
const byRuleOfThumb: NeedsOf = (config) => needOf(demandOf(config).needs);

/** Whether a job's config is a render, and not a stream. */
export const isRenderConfig = (config: JsonObject): boolean => config.kind === "render";

/** Reads what a config asks of an agent. A config of another kind asks nothing that the scheduler knows. */
export const requirementOf = (config: JsonObject, room: string, needsOf = byRuleOfThumb): Requirement => ({
  ...(isRenderConfig(config)
    ? { height: heightIn(config.request), room, feature: RENDERS_FEATURE, avoidAgents: namesIn(config.avoidAgents) }
    : { height: heightOf(config), room }),
  needs: needsOf(config),
});

function heightOf(config: JsonObject): number | undefined {
  const { video, quality } = config;
  const height = heightIn(video);
  if (height !== undefined) return height;
  if (typeof quality === "string" && Object.hasOwn(QUALITIES, quality))
    return QUALITIES[quality as keyof typeof QUALITIES].height;
  return "source" in config || "streamUrl" in config ? DEFAULT_HEIGHT : undefined;
}

const heightIn = (value: unknown): number | undefined =>
  typeof value === "object" && value !== null && "height" in value && typeof value.height === "number"
    ? value.height
    : undefined;

const namesIn = (value: unknown): string[] | undefined =>
  Array.isArray(value) ? value.filter((name) => typeof name === "string") : undefined;

/** Jobs with the same key fit on the same agents. */
export const requirementKey = ({ height, room, feature = "", avoidAgents = [], needs }: Requirement): string =>
  `${height ?? ""} ${feature} ${needs === undefined ? "" : amountsKey(needs)} ${room} ${JSON.stringify(avoidAgents)}`;
