import { type JsonObject, QUALITIES, videoSettingsSchema } from "@stream-control/protocol";

/** What a stream config that says no height is encoded at. */
const DEFAULT_HEIGHT = videoSettingsSchema.parse({}).height;

/** What a job asks of an agent. */
export interface Requirement {
  /** Height of the picture in pixels, where the config says one. */
  height: number | undefined;
  /** The room that the agent must belong to. */
  room: string;
}

/** Reads what a config asks of an agent. A config of another kind asks nothing that the scheduler knows. */
export const requirementOf = (config: JsonObject, room: string): Requirement => ({ height: heightOf(config), room });

function heightOf(config: JsonObject): number | undefined {
  const { video, quality } = config;
  if (typeof video === "object" && video !== null && "height" in video && typeof video.height === "number")
    return video.height;
  if (typeof quality === "string" && Object.hasOwn(QUALITIES, quality))
    return QUALITIES[quality as keyof typeof QUALITIES].height;
  return "source" in config || "streamUrl" in config ? DEFAULT_HEIGHT : undefined;
}

/** Jobs with the same key fit on the same agents. */
export const requirementKey = ({ height, room }: Requirement): string => `${height ?? ""} ${room}`;
