import {
  createRedactor,
  type Destination,
  type JsonObject,
  type OverlayTexts,
  parseStreamConfig,
  type Source,
  type StreamConfig,
  secretsOf,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import type { Agent } from "../agents/agent.js";
import type { CommandReplies } from "../agents/command-replies.js";
import type { AgentRegistry } from "../agents/registry.js";
import type { JobSecrets } from "../secrets/job-secrets.js";
import type { JobRow } from "../store/tables.js";
import { jobNotFound } from "./control.js";
import type { JobReader } from "./job-reader.js";
import { configOf, fromJson } from "./job-record.js";
import type { Ledger } from "./ledger.js";

export interface LiveChangesDeps {
  ledger: Ledger;
  reader: JobReader;
  registry: AgentRegistry;
  replies: CommandReplies;
  secrets: JobSecrets;
  audit: AuditRecorder;
  /** How long an agent may take: opening a source can mean connecting to a camera. */
  deadlineMs: number;
}

/**
 * Changes to a stream that is on air: destinations come and go, the input is switched. The agent does it first; once it says
 * that it is done, the job's config is changed too, so that a restart goes on with what there is now.
 */
export class LiveChanges {
  constructor(private readonly deps: LiveChangesDeps) {}

  /** @returns the id under which the destination is reported. @throws AppError as {@link CommandReplies.ask}, and 404, 409. */
  async addDestination(jobId: string, wanted: Destination): Promise<string> {
    const { agent, config } = await this.running(jobId, "destinations");
    const id = wanted.id ?? freeId(config, wanted.type);
    const taken = config.destinations.some((destination, index) => idOf(destination, index) === id);
    if (taken) throw new AppError("DESTINATION_EXISTS", `The job already has a destination "${id}".`);
    const destination = { ...wanted, id };
    await this.ask(agent, jobId, destination, (commandId) =>
      agent.session?.send("orchestrator.job.destination.add", { jobId, commandId, destination }),
    );
    await this.amend(
      jobId,
      ({ config: now }) => ({ config: { ...now, destinations: [...withIds(now.destinations), destination] } }),
      `The destination "${id}" was added.`,
      { destination: id },
    );
    return id;
  }

  /** @throws AppError as {@link CommandReplies.ask}, and 404, 409. */
  async removeDestination(jobId: string, destinationId: string): Promise<void> {
    const { agent } = await this.running(jobId, "destinations");
    await this.ask(agent, jobId, null, (commandId) =>
      agent.session?.send("orchestrator.job.destination.remove", { jobId, commandId, destinationId }),
    );
    await this.amend(
      jobId,
      ({ config: now }) => ({
        config: { ...now, destinations: withIds(now.destinations).filter(({ id }) => id !== destinationId) },
      }),
      `The destination "${destinationId}" was taken away.`,
      { destination: destinationId },
    );
  }

  /** `null` is the source that the job was submitted with. @throws AppError as {@link CommandReplies.ask}, and 404, 409. */
  async switchInput(jobId: string, wanted: Source | null): Promise<void> {
    const { agent, ownSource } = await this.running(jobId, "input");
    // The agent may have been given the job after a switch: to it, another source is the job's own.
    const source = wanted ?? ownSource;
    await this.ask(agent, jobId, source, (commandId) =>
      agent.session?.send("orchestrator.job.input.switch", { jobId, commandId, source }),
    );
    if (source === null) {
      await this.deps.audit.record({
        type: "job.input_requested",
        subject: `job:${jobId}`,
        message: "Its own source was asked for.",
      });
      return;
    }
    await this.amend(
      jobId,
      ({ config: now, ownSource: own }) => ({
        config: { ...now, source },
        ownSource: wanted === null ? null : (own ?? now.source),
      }),
      "The input was switched.",
      { type: source.type },
    );
  }

  /** Changes texts that are burnt into the picture. @throws AppError as {@link CommandReplies.ask}, and 404, 409, 422. */
  async setOverlay(jobId: string, texts: OverlayTexts): Promise<void> {
    const { agent, config } = await this.running(jobId, "overlay");
    requireLines(config, Object.keys(texts));
    await this.askToDraw(agent, jobId, texts);
    await this.amend(
      jobId,
      ({ config: now }) => ({
        config: {
          ...now,
          overlay: now.overlay && {
            ...now.overlay,
            lines: now.overlay.lines.map((line) => ({ ...line, text: texts[line.id] ?? line.text })),
          },
        },
      }),
      "The overlay was changed.",
      { lines: Object.keys(texts) },
    );
  }

  /**
   * Draws texts that follow from something else than the job's config, which stays as it is.
   *
   * @throws AppError as {@link CommandReplies.ask}, and 404, 409.
   */
  async drawTexts(jobId: string, texts: OverlayTexts): Promise<void> {
    const { agent } = await this.running(jobId, "overlay");
    await this.askToDraw(agent, jobId, texts);
  }

  private askToDraw(agent: Agent, jobId: string, texts: OverlayTexts): Promise<void> {
    return this.ask(agent, jobId, null, (commandId) =>
      agent.session?.send("orchestrator.job.overlay.set", { jobId, commandId, texts }),
    );
  }

  /** @param wanted what the command carries: its secrets are not the job's yet. */
  private async ask(
    agent: Agent,
    jobId: string,
    wanted: unknown,
    send: (commandId: string) => boolean | undefined,
  ): Promise<void> {
    const [ofJob, ofCommand] = [this.deps.secrets.redactor(jobId), createRedactor(secretsOf(wanted))];
    const redact = (text: string) => ofJob(ofCommand(text));
    const { replies, deadlineMs } = this.deps;
    await replies.ask(agent.id, { send: (commandId) => send(commandId) ?? false, deadlineMs, redact });
  }

  private async running(jobId: string, feature: string): Promise<Running> {
    const job = await this.deps.reader.byId(jobId);
    if (job === undefined) throw jobNotFound(jobId);
    if (job.status !== "RUNNING")
      throw new AppError("JOB_NOT_RUNNING", `The job is ${job.status}; only a running stream can be changed.`);
    const agent = job.agent_id === null ? undefined : this.deps.registry.get(job.agent_id);
    if (agent?.session === undefined)
      throw new AppError("AGENT_OFFLINE", "The job's agent is offline; try again when it is back.");
    if (!agent.knows(feature))
      throw new AppError(
        "NOT_SUPPORTED",
        `The agent "${agent.id}" cannot change this while a stream is on air; update it.`,
      );
    return { agent, ...streamOf(job) };
  }

  private async amend(
    jobId: string,
    amend: (now: Stream) => { config: JsonObject; ownSource?: Source | null },
    message: string,
    data: JsonObject,
  ): Promise<void> {
    await this.deps.ledger.amendConfig(jobId, (job) => amend(streamOf(job)), {
      type: "job.config_changed",
      message,
      data,
    });
  }
}

/** What a job streams now, and the source that it was submitted with where its input is switched. */
interface Stream {
  config: StreamConfig;
  ownSource: Source | null;
}
interface Running extends Stream {
  agent: Agent;
}

function streamOf(job: JobRow): Stream {
  const result = parseStreamConfig(configOf(job));
  if (!result.ok) throw new AppError("NOT_SUPPORTED", "The job's config is not a stream config.");
  return { config: result.value.config, ownSource: fromJson<Source>(job.own_source) };
}

/** @throws AppError 422 where the job's overlay has no line of text with one of the ids. */
function requireLines({ overlay }: StreamConfig, ids: readonly string[]): void {
  const bound = overlay?.lines.find(({ id, from }) => from !== undefined && ids.includes(id));
  if (bound !== undefined)
    throw new AppError(
      "VALIDATION_FAILED",
      `The line ${bound.id} says what its sheet says (${bound.from}); change it with PUT /v1/overlays/:sheet.`,
    );
  const known = (overlay?.lines ?? []).flatMap(({ id, kind, from }) =>
    kind === "text" && from === undefined ? [id] : [],
  );
  const unknown = ids.filter((id) => !known.includes(id));
  if (unknown.length === 0) return;
  const has = known.length === 0 ? "it was submitted without any" : `it has ${known.join(", ")}`;
  throw new AppError("VALIDATION_FAILED", `The job's overlay has no line of text ${unknown.join(", ")}: ${has}.`);
}

/** Agents name a destination without an id by its type and its place. */
const idOf = ({ id, type }: Destination, index: number): string => id ?? `${type}-${index + 1}`;
const withIds = (destinations: readonly Destination[]): Destination[] =>
  destinations.map((destination, index) => ({ ...destination, id: idOf(destination, index) }));

function freeId({ destinations }: StreamConfig, type: string): string {
  const taken = new Set(destinations.map(idOf));
  for (let number = destinations.length + 1; ; number += 1)
    if (!taken.has(`${type}-${number}`)) return `${type}-${number}`;
}
