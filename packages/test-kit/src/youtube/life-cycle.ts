import { Refusal } from "./errors.js";
import type { FakeBroadcast, FakeStream, LifeCycle } from "./resources.js";

/** What a transition can ask for. */
export type Target = "testing" | "live" | "complete";

/** Where a transient state leads. */
const ARRIVALS: Partial<Record<LifeCycle, LifeCycle>> = { testStarting: "testing", liveStarting: "live" };

/**
 * Begins a transition by YouTube's rules: `testing` takes the monitor stream and an active stream; `live` takes an active
 * stream, from `ready` only without the monitor stream; `complete` takes a broadcast that was on air.
 *
 * @param reads of the status that a transient state lasts for.
 * @throws Refusal with the documented reason.
 */
export function begin(
  broadcast: FakeBroadcast,
  stream: FakeStream | undefined,
  target: Target,
  { reads, now }: { reads: number; now: Date },
): void {
  const { lifeCycle, monitorStream } = broadcast;
  const arrival = ARRIVALS[lifeCycle] ?? lifeCycle;
  if (arrival === target) throw new Refusal("redundantTransition");
  if (target === "complete") {
    if (lifeCycle !== "testing" && lifeCycle !== "live") throw new Refusal("invalidTransition");
    end(broadcast, now);
    return;
  }
  const allowed =
    target === "testing"
      ? lifeCycle === "ready" && monitorStream
      : lifeCycle === "testing" || (lifeCycle === "ready" && !monitorStream);
  if (!allowed) throw new Refusal("invalidTransition");
  if (stream?.status !== "active") throw new Refusal("errorStreamInactive");
  broadcast.lifeCycle = target === "testing" ? "testStarting" : "liveStarting";
  broadcast.readsInTransit = reads;
  if (reads === 0) arrive(broadcast, now);
}

/** Ends a transient state at once. */
export function arrive(broadcast: FakeBroadcast, now: Date): void {
  const arrival = ARRIVALS[broadcast.lifeCycle];
  if (arrival === undefined) return;
  broadcast.lifeCycle = arrival;
  if (arrival === "live") broadcast.actualStartTime ??= now.toISOString();
}

/** A read of the status: transient states last for some of them. */
export function read(broadcast: FakeBroadcast, now: Date): void {
  if (ARRIVALS[broadcast.lifeCycle] === undefined) return;
  broadcast.readsInTransit -= 1;
  if (broadcast.readsInTransit < 0) arrive(broadcast, now);
}

export function end(broadcast: FakeBroadcast, now: Date): void {
  broadcast.lifeCycle = "complete";
  broadcast.actualEndTime = now.toISOString();
}

/** What data, or its end, does to a broadcast by itself. */
export function onStreamStatus(broadcast: FakeBroadcast, status: FakeStream["status"], now: Date): void {
  if (status === "active" && broadcast.autoStart && broadcast.lifeCycle === "ready") {
    broadcast.lifeCycle = "liveStarting";
    arrive(broadcast, now);
  }
  if (status === "inactive" && broadcast.autoStop && broadcast.lifeCycle === "live") end(broadcast, now);
}
