import { type AgentCapabilities, DEFAULT_ROOM, type PassedOver } from "@stream-control/protocol";
import type { Amounts } from "../resources/amounts.js";
import type { Requirement } from "./requirement.js";

/** What the scheduler looks at in an agent. */
export interface Candidate {
  readonly id: string;
  readonly room: string;
  readonly connected: boolean;
  readonly draining: boolean;
  /** It reported an error and has not been heard well since. */
  readonly faulty: boolean;
  readonly capabilities: AgentCapabilities;
  /** Slots that hold a job. */
  readonly used: number;
  /** What its machine has left; nothing is refused because of it where that is not known. */
  readonly resources?: { lacking(needs: Amounts): { code: string; message: string } | undefined } | undefined;
  /** Assignments that it has had: spreads short jobs over equally loaded agents. */
  readonly assigned: number;
}

/** What the scheduler looks at in a waiting job. */
export interface Waiting {
  readonly requirement: Requirement;
  /** Agents that were tried and did not take it lately, each with what happened. */
  readonly avoid: ReadonlyMap<string, string>;
  /** Something is being made for it, for which only agents that take it later need not wait. */
  readonly awaits?: Awaited | undefined;
}

/** What a job waits for. */
export interface Awaited {
  /** Agents that know this are given the job at once; none is, unless given. */
  readonly feature?: string | undefined;
  readonly code: string;
  readonly message: string;
}

/** Why an agent does not get a job, or undefined where it may. */
export function refusalOf(agent: Candidate, job: Waiting): PassedOver | undefined {
  if (agent.room !== job.requirement.room)
    return { agentId: agent.id, code: "ROOM", message: `The agent belongs to the room "${agent.room}".` };
  const no = (code: string, message: string): PassedOver => ({ agentId: agent.id, code, message });
  if (!agent.connected) return no("OFFLINE", "The agent is offline.");
  if (agent.draining) return no("DRAINING", "The agent is draining and takes no new jobs.");
  if (agent.faulty) return no("FAULTY", "The agent reported an error and has not been heard well since.");
  const { slots, maxResolution, features } = agent.capabilities;
  const { height, feature, avoidAgents } = job.requirement;
  if (feature !== undefined && features?.includes(feature) !== true)
    return no("FEATURE", `The job needs an agent that knows "${feature}"; update the agent.`);
  if (height !== undefined && maxResolution !== undefined && height > Number.parseInt(maxResolution, 10))
    return no("RESOLUTION", `The job needs ${height}p; the agent takes at most ${maxResolution}.`);
  if (avoidAgents?.includes(agent.id) === true) return no("AVOIDED", "The job is to be done by another agent.");
  const tried = job.avoid.get(agent.id);
  if (tried !== undefined) return no("TRIED", tried);
  const { awaits } = job;
  if (awaits !== undefined && !canGoWithout(awaits, features)) return no(awaits.code, awaits.message);
  if (agent.used >= slots)
    return no("BUSY", slots === 1 ? "Its only slot is in use." : `All of its ${slots} slots are in use.`);
  const { needs } = job.requirement;
  const shortage = needs && agent.resources?.lacking(needs);
  return shortage && no(shortage.code, shortage.message);
}

const canGoWithout = ({ feature }: Awaited, features: readonly string[] | undefined): boolean =>
  feature !== undefined && features?.includes(feature) === true;

/** The agents that may have the job; undefined where there are none. */
export function fitting<C extends Candidate>(agents: Iterable<C>, job: Waiting): readonly [C, ...C[]] | undefined {
  const fit: C[] = [];
  for (const agent of agents) if (refusalOf(agent, job) === undefined) fit.push(agent);
  const [first, ...others] = fit;
  return first === undefined ? undefined : [first, ...others];
}

/** What stands between a job and each kind of refusal, the one that is nearest to a yes first. */
const SENTENCES: readonly [code: string, sentence: string][] = [
  ["BUSY", "Every agent that could take the job is busy; it starts when a slot comes free."],
  ["CPU", "Agents have a slot, but no processor cores left for the job; it starts when another one ends."],
  ["MEMORY", "Agents have a slot, but too little memory left for the job; it starts when another one ends."],
  ["NETWORK", "Agents have a slot, but too little of their uplink left for the job; it starts when another one ends."],
  ["GPU", "Agents have a slot, but no graphics processor left that could encode the job."],
  ["DISK", "Agents have a slot, but too little free disk for the job; make room on one."],
  ["YOUTUBE", "The job waits a moment for its YouTube broadcast."],
  ["TRIED", "Every free agent was tried and did not take the job; they are tried again shortly."],
  ["AVOIDED", "The job is to be done by another agent than those that could take it."],
  ["FAULTY", "The agents that could take the job reported an error."],
  ["FEATURE", "No agent that is connected knows jobs of this kind; update one."],
  ["RESOLUTION", "No agent takes a picture of this size; lower video.height or add an agent that does."],
  ["DRAINING", "Every connected agent is draining; end the drain or add an agent."],
  ["OFFLINE", "No agent is connected; start one, or look why those that are known are offline."],
];

/** Why a job waits, in one sentence, and for each agent why it was passed over. */
export function explain(
  agents: Iterable<Candidate>,
  job: Waiting,
): { pendingReason: string; passedOver: PassedOver[] } {
  // What stands in the way of every agent is no agent's matter.
  if (job.awaits !== undefined && job.awaits.feature === undefined)
    return { pendingReason: job.awaits.message, passedOver: [] };
  const passedOver: PassedOver[] = [];
  for (const agent of agents) {
    // Who is in another room is none of this room's business.
    if (agent.room !== job.requirement.room) continue;
    const refusal = refusalOf(agent, job);
    if (refusal === undefined) return { pendingReason: "The job is about to be given to an agent.", passedOver: [] };
    passedOver.push(refusal);
  }
  const codes = new Set(passedOver.map(({ code }) => code));
  const sentence = SENTENCES.find(([code]) => codes.has(code))?.[1];
  return { pendingReason: sentence ?? nobodyIn(job.requirement.room), passedOver };
}

const nobodyIn = (room: string): string =>
  room === DEFAULT_ROOM
    ? "No agent has registered yet; start one."
    : `No agent of the room "${room}" has registered yet; start one there.`;
