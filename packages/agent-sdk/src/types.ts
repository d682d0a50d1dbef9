import type { Writable } from "node:stream";
import type {
  AgentCapabilities,
  AgentLoad,
  AgentMessageType,
  AgentPayload,
  buildMessage,
  Destination,
  ErrorInfo,
  JobStatus,
  JsonObject,
  LookedAtSource,
  OrchestratorPayload,
  OverlayTexts,
  ProbedSource,
  Progress,
  Source,
} from "@stream-control/protocol";

import type { Clock } from "./clock.js";
import type { Lease } from "./lease.js";

/** Where log lines go: any pino logger fits. Messages are static sentences, what varies is in the fields. */
export interface AgentLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A job that the orchestrator wants this agent to run. */
export type Assignment = OrchestratorPayload<"orchestrator.assign.start">;
/** Grace times that the orchestrator expects of its agents, in milliseconds. */
export type Timings = OrchestratorPayload<"orchestrator.hello.ok">;
/** How a job stands with the orchestrator after its end; `PENDING` means that it will be started again. */
export type Settlement = OrchestratorPayload<"orchestrator.job.settled">;

/** The answer to an assignment. */
export type Decision = { accepted: true } | { accepted: false; error: ErrorInfo };
/** Takes the job. */
export const accept = (): Decision => ({ accepted: true });
/** Refuses the job; the error's sentence is shown to the operator. */
export const decline = (error: ErrorInfo): Decision => ({ accepted: false, error });

/** Thrown by a handler to answer a command with an error of its own; anything else thrown becomes `COMMAND_FAILED`. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  constructor(readonly info: ErrorInfo) {
    super(info.message);
  }
}

/** A job as the SDK knows it. */
export interface JobRef {
  jobId: string;
  /** Number of the assignment; absent from orchestrators that do not count them. */
  epoch?: number | undefined;
}

/** How a stop is meant. */
export interface StopOptions {
  reason?: string | undefined;
  /** Milliseconds until a kill follows. */
  deadlineMs?: number | undefined;
}

/** What comes with an assignment. */
export interface AssignContext {
  /** Aborted when the handler has missed its deadline: the job counts as declined, and must not be started any more. */
  signal: AbortSignal;
  /** Of a fenced job: how long it may go on unless it is renewed. */
  lease?: Lease;
}

/** What comes with a look into a source. */
export interface ProbeContext {
  /** Milliseconds until nobody waits for the answer any more. */
  deadlineMs: number;
  /** Aborted then. */
  signal: AbortSignal;
  /** The source is to be shown as an image; only asked of agents with the kind `render-sources`. */
  image: boolean;
}

type Awaitable<T> = T | Promise<T>;

/** What an agent does. Handlers may throw; a command without its handler is answered with `success: false`. */
export interface AgentHandlers {
  /** Takes or refuses a job; the acknowledgement is sent when this settles. Called once per job and epoch. */
  onAssign(assignment: Assignment, context: AssignContext): Awaitable<Decision>;
  /** Ends a job gracefully. The agent calls `stopped` when it has ended. */
  onStop(job: JobRef, options: StopOptions): Awaitable<void>;
  /** Ends a job at once; where absent, `onStop` is called with `deadlineMs: 0`. */
  onKill?(job: JobRef, options: StopOptions): Awaitable<void>;
  onMute?(job: JobRef): Awaitable<void>;
  onUnmute?(job: JobRef): Awaitable<void>;
  onPause?(job: JobRef): Awaitable<void>;
  onUnpause?(job: JobRef): Awaitable<void>;
  onAddDestination?(job: JobRef, destination: Destination): Awaitable<void>;
  onRemoveDestination?(job: JobRef, destinationId: string): Awaitable<void>;
  /** `null` is the source of the job's own config. */
  onSwitchInput?(job: JobRef, source: Source | null): Awaitable<void>;
  /** New texts for lines of the overlay, by their ids. */
  onSetOverlay?(job: JobRef, texts: OverlayTexts): Awaitable<void>;
  /**
   * Somebody watches: write what goes out to `output`, as MPEG-TS from a keyframe on, until it closes, and end it where the job
   * ends. It holds the writer up while the connection is slow; leave whole groups of pictures out then. Settles when it begins.
   */
  onPreview?(job: JobRef, output: Writable): Awaitable<void>;
  /**
   * A fenced job may go on for longer: until `lease.leftMs` is 0. An agent with this handler promises that a job whose
   * lease runs out ends by itself, with nobody's help.
   */
  onLease?(job: JobRef, lease: Lease): Awaitable<void>;
  /**
   * Looks into a source that no job uses yet; never called again before it has settled. One in a bucket is only asked for of agents
   * with the kind `render-sources`.
   */
  onProbe?(source: LookedAtSource, context: ProbeContext): Awaitable<ProbedSource>;
  onReboot?(reason: string | undefined): Awaitable<void>;
  /** The job's end is on the orchestrator's disk: whatever the agent keeps of it may go. */
  onSettled?(settlement: Settlement): Awaitable<void>;
  /** The orchestrator took the hello, also after each reconnect. */
  onOnline?(timings: Timings): Awaitable<void>;
  /** The connection was lost; jobs go on, and the client connects again by itself. */
  onOffline?(): Awaitable<void>;
}

/** How an agent knows its orchestrator on a `wss:` connection, and shows who it is; each part is PEM. */
export interface ClientTls {
  /** Authorities that may have signed the orchestrator's certificate; the system's unless given. */
  ca?: string | undefined;
  /** The agent's own certificate with those between it and the authority; needs `key`. */
  cert?: string | undefined;
  key?: string | undefined;
}

/** How an agent connects. Durations are milliseconds. */
export interface AgentOptions {
  /** The orchestrator's agent socket, such as `ws://localhost:8080/agent`. */
  url: string;
  /**
   * The agent's own secret, or the one that agents share. A function is asked before each connection, so that a token can
   * be rotated while the agent runs; while the orchestrator refuses the present one, also every `reconnect.recheckMs`.
   */
  token: string | (() => Awaitable<string>);
  /** For `wss:`; a function is asked as that of `token`. */
  tls?: ClientTls | (() => Awaitable<ClientTls>) | undefined;
  /** The same at every start: the orchestrator knows the agent by it. */
  agentId: string;
  name: string;
  version: string;
  /**
   * What it can do; `slots` (default 1) is the number of jobs it takes at once. `features` follow from the handlers unless
   * given.
   */
  capabilities?: Partial<AgentCapabilities>;
  /** Kinds of jobs that it takes beside streams, such as `renders`: named among its features. */
  kinds?: readonly string[];
  /** How busy the machine is; asked before each heartbeat, which carries it. */
  load?: () => AgentLoad;
  /** Ask not to be given jobs. */
  drain?: boolean;
  meta?: JsonObject;
  /** The room it belongs to, unless its token says so; `default` where neither does. */
  room?: string | undefined;
  handlers: AgentHandlers;
  /** Silent unless given. */
  logger?: AgentLogger;
  reconnect?: Partial<ReconnectOptions>;
  /** From opening a connection to the orchestrator's answer to the hello. Default 10,000. */
  helloTimeoutMs?: number;
  /** Longest wait for a command's handler before it is answered with an error. Default 10,000. */
  commandTimeoutMs?: number;
  /** Longest wait for `onAssign` before the job is declined. Default 20,000. */
  assignTimeoutMs?: number;
  /** Largest message taken from the orchestrator, in bytes. Default 4 MiB. */
  maxMessageBytes?: number;
  /**
   * Unsent bytes above which progress and logs are dropped and events wait; at 16 times as much, and at least 16 MiB, the
   * connection is given up. Default 1 MiB.
   */
  maxBufferedBytes?: number;
  /** The clock of the leases; see `machineClock`, which it is unless given. */
  now?: Clock;
}

/** How pauses between connections grow, in milliseconds. */
export interface ReconnectOptions {
  /** The first try after a lost connection comes at a random moment within this time. Default 4,000. */
  spreadMs: number;
  /** Bound of the pause after the first failed try; it doubles with each. Default 1,000. */
  baseMs: number;
  /** Bound of every such pause. Default 4,000: a fleet is back within 5 s of its orchestrator. */
  maxMs: number;
  /** Bound of the pause after a refusal that only a person can end (wrong token, id taken). Default 60,000. */
  refusedMs: number;
  /** Until it is looked whether there are other credentials than those that were refused. Default 2,000. */
  recheckMs: number;
  /** A connection that lasted this long counts as good: the next pauses start small again. Default 10,000. */
  stableMs: number;
  /** A source of numbers in [0, 1). */
  random: () => number;
}

/** What a report may carry beside its status. */
export interface ReportDetails {
  error?: ErrorInfo;
  progress?: Progress;
}
/** A message's payload as the agent writes it. */
export type PayloadOut<T extends AgentMessageType> = Parameters<typeof buildMessage<T>>[1];
export type FinalStatus = AgentPayload<"agent.job.stopped">["status"];
export type LogLevel = AgentPayload<"agent.job.log">["level"];
export type ReportedStatus = Extract<JobStatus, "ACCEPTED" | "STARTING" | "RUNNING" | "STOPPING">;
