import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WorkflowDetail } from "@stream-control/protocol";
import { waitFor } from "@stream-control/test-kit";
import type { call } from "./house.js";
import type { SeedAgent } from "./seed-agent.js";

export const RENDER = { width: 64, height: 48, elements: [{ type: "shape", duration: 1 }] };
export const SOON = { Prefer: "respond-async" };
/** An agent that knows renders, and does with them what the test says. */
export const RENDERER = { agentId: "renderer", features: ["renders", "leases"], onAssign: () => {} };

type Api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => ReturnType<typeof call>;

/** What a test does with renders and their workflows, over the wire. */
export class RenderDesk {
  constructor(
    private readonly api: Api,
    private readonly media: string,
  ) {}

  /** Asks for a render, and does not wait for it. @returns its workflow's id. */
  async ask(id: string, more: object = {}): Promise<string> {
    const answer = await this.api("POST", "/api/v1/orchestrate", { ...RENDER, id, ...more }, SOON);
    if (answer.status !== 202) throw new Error(`The render was answered with ${answer.status}: ${answer.text}`);
    return answer.body.workflow_id;
  }

  async workflow(id: string): Promise<WorkflowDetail> {
    return (await this.api("GET", `/api/v1/workflows/${id}`)).body;
  }

  /** The workflow, as soon as this holds of it. */
  until(id: string, holds: (workflow: WorkflowDetail) => boolean, what = "the workflow"): Promise<WorkflowDetail> {
    let last: WorkflowDetail | undefined;
    return waitFor(
      async () => {
        last = await this.workflow(id).catch(() => undefined);
        return last !== undefined && "steps" in last && holds(last) ? last : undefined;
      },
      { everyMs: 20, what },
    ).catch((thrown: unknown) => {
      throw new Error(`${String(thrown)}. Last seen: ${JSON.stringify(last)}`);
    });
  }

  /** The workflow as soon as one of its steps has the status. */
  untilStep(id: string, name: string, status: string, generation = 1): Promise<WorkflowDetail> {
    const what = `step ${name} to be ${status}`;
    return this.until(id, ({ steps }) => stepOf({ steps }, name, generation)?.status === status, what);
  }

  /** The agent takes the newest job that it was given. @returns its id. */
  async take(agent: SeedAgent, count = 1): Promise<string> {
    await waitFor(() => agent.assignments.length >= count, { what: `${count} assignments` });
    const { jobId = "" } = agent.assignments[count - 1] ?? {};
    agent.send("agent.assign.ack", { jobId, accepted: true });
    return jobId;
  }

  report(agent: SeedAgent, jobId: string, step: string, frame = 0): void {
    const render = { step, totalFrames: 30, elapsedMs: 10 };
    agent.send("agent.job.update", { jobId, status: "RUNNING", progress: { frame, render } });
  }

  /** The agent has put the file into its place. */
  async finish(agent: SeedAgent, jobId: string): Promise<void> {
    const file = `${jobId}/render.mp4`;
    await mkdir(join(this.media, jobId), { recursive: true });
    await writeFile(join(this.media, file), "film");
    const render = { step: "done", totalFrames: 30, elapsedMs: 1234, bytes: 4, file };
    agent.send("agent.job.stopped", { jobId, status: "STOPPED", progress: { frame: 30, render } });
  }
}

export const stepOf = ({ steps }: Pick<WorkflowDetail, "steps">, name: string, generation = 1) =>
  steps.find((step) => step.name === name && step.generation === generation);

/** Names of steps by their status. */
export const namesIn = ({ steps }: Pick<WorkflowDetail, "steps">, status: string): string[] =>
  steps.filter((step) => step.status === status).map(({ name }) => name);
