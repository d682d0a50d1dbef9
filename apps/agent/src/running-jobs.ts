import { pipeline } from "node:stream";
import { type AgentHandlers, CommandError } from "@stream-control/agent-sdk";
import { prepareDestination, prepareSource } from "./assignments/live-changes.js";
import type { Limits } from "./assignments/prepare.js";
import type { RunnerHandle } from "./runners/runner-handle.js";
import type { Runners } from "./runners/runners.js";

type Commands = Required<
  Pick<
    AgentHandlers,
    | "onStop"
    | "onKill"
    | "onMute"
    | "onUnmute"
    | "onPause"
    | "onUnpause"
    | "onAddDestination"
    | "onRemoveDestination"
    | "onSwitchInput"
    | "onSetOverlay"
    | "onPreview"
    | "onLease"
  >
>;

/** Brings commands to the runners of running jobs, what they would read and write checked first. */
export function runningJobs(runners: Runners, limits: Limits): Commands {
  const handle = (jobId: string): RunnerHandle => {
    const found = runners.running(jobId);
    if (found === undefined)
      throw new CommandError({ code: "JOB_NOT_FOUND", message: "This job is not running on this agent." });
    return found;
  };
  return {
    onStop: ({ jobId }, { deadlineMs }) => handle(jobId).stop(deadlineMs),
    onKill: ({ jobId }) => handle(jobId).kill(),
    onMute: ({ jobId }) => handle(jobId).command({ type: "mute", muted: true }),
    onUnmute: ({ jobId }) => handle(jobId).command({ type: "mute", muted: false }),
    onPause: ({ jobId }) => handle(jobId).command({ type: "pause", paused: true }),
    onUnpause: ({ jobId }) => handle(jobId).command({ type: "pause", paused: false }),
    onAddDestination: async ({ jobId }, given) => {
      const runner = handle(jobId);
      const written = [...runner.destinations.values()].flatMap((other) => ("path" in other ? [other.path] : []));
      const destination = await prepareDestination(given, limits, written);
      await runner.command({ type: "destination.add", destination });
      const name = destination.id ?? ("path" in destination ? destination.path : destination.url);
      runner.destinations.set(name, destination);
    },
    onRemoveDestination: async ({ jobId }, destinationId) => {
      const runner = handle(jobId);
      await runner.command({ type: "destination.remove", destinationId });
      runner.destinations.delete(destinationId);
    },
    onSwitchInput: async ({ jobId }, given) => {
      const source = given === null ? null : await prepareSource(given, limits);
      await handle(jobId).command({ type: "input.switch", source });
    },
    onSetOverlay: ({ jobId }, texts) => handle(jobId).command({ type: "overlay", texts }),
    onPreview: async ({ jobId, epoch }, output) => {
      const runner = runners.running(jobId, epoch) ?? handle(jobId);
      const stream = await runner.stream();
      // Either end of it ends the other; there is nobody to tell of a preview that broke off.
      pipeline(stream, output, () => {});
    },
    onLease: ({ jobId, epoch }, lease) => runners.running(jobId, epoch)?.renew(lease),
  };
}
