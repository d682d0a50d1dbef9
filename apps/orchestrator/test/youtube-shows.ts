import { type FakeBroadcast, waitFor } from "@stream-control/test-kit";
import type { SeedAgent } from "./seed-agent.js";
import { YouTubeHouse } from "./youtube-house.js";

/** Everything a hundred times as fast as usual. */
export const QUICK = {
  // Polls that fast would be slowed down to last for a day.
  YOUTUBE_QUOTA_UNITS_PER_DAY: "100000000",
  YOUTUBE_START_POLL_MS: "20",
  YOUTUBE_POLL_MS: "40",
  YOUTUBE_RETRY_BASE_MS: "20",
  YOUTUBE_RETRY_MAX_MS: "60",
  YOUTUBE_EDIT_DELAY_MS: "150",
};
export const openQuick = (env: Record<string, string> = {}) => YouTubeHouse.open({ env: { ...QUICK, ...env } });

export const typesOf = async ({ house }: YouTubeHouse, id: string) =>
  (await house.eventsOf(id)).map(({ type }) => type);
export const eventOf = async ({ house }: YouTubeHouse, id: string, type: string) =>
  waitFor(async () => (await house.eventsOf(id)).find((event) => event.type === type), { what: `the event ${type}` });
export const broadcastOf = async ({ house, fake }: YouTubeHouse, id: string): Promise<FakeBroadcast> => {
  const { streamMetadata } = await house.jobWhere(
    id,
    (job) => job.streamMetadata?.youtube !== undefined,
    "with a broadcast",
  );
  const found = fake.api.broadcasts.get(streamMetadata.youtube.broadcastId);
  if (found === undefined) throw new Error("The job's broadcast is not there.");
  return found;
};
export const inLife = (broadcast: FakeBroadcast, lifeCycle: string) =>
  waitFor(() => broadcast.lifeCycle === lifeCycle, { what: `the broadcast to be ${lifeCycle}` });
/** An agent that does at once what it is told while a stream is on air. */
export const modernAgent = async ({ house }: YouTubeHouse, agentId = "modern"): Promise<SeedAgent> => {
  const agent = await house.agent({ agentId, slots: 5, modern: {}, features: ["destinations"] });
  agent.onMessage(({ payload: { jobId, commandId } }) => {
    if (commandId !== undefined) agent.send("agent.job.command.ack", { jobId, commandId, success: true });
  });
  return agent;
};

/** Looks again and again that something does not happen, for a time in which it would have happened several times. */
export async function stays(holds: () => boolean, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  const changed = await waitFor(() => (holds() ? performance.now() >= until && "no" : "yes"));
  if (changed === "yes") throw new Error("It did not stay so.");
}
