import type { CreateJob } from "@stream-control/protocol";
import type { JsonObject } from "../schema-form/schema.js";

/** When a stream starts and stops, as it stands in the form. Times are as `datetime-local` gives them. */
export interface When {
  startAt: string;
  stop: "never" | "at" | "after";
  stopAt: string;
  stopAfterMinutes: string;
}

/** Everything that the form holds beside the config. */
export interface Wishes {
  templateId: string;
  title: string;
  context: string;
  drawNumber: string;
  sheet: string;
  team1: string;
  team2: string;
  restart: boolean;
  youtube: "default" | "yes" | "no";
  room: string;
  when: When;
}

export const NO_WISHES: Wishes = {
  templateId: "",
  title: "",
  context: "",
  drawNumber: "",
  sheet: "",
  team1: "",
  team2: "",
  restart: true,
  youtube: "default",
  room: "",
  when: { startAt: "", stop: "never", stopAt: "", stopAfterMinutes: "" },
};

const timestamp = (local: string) => (local === "" ? undefined : new Date(local).toISOString());
const given = <T extends object>(fields: T): Partial<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== "")) as Partial<T>;

/** The schedule of a job, or undefined where it starts at once and ends by hand. */
function scheduleOf({ startAt, stop, stopAt, stopAfterMinutes }: When): JsonObject | undefined {
  const schedule = given({
    startAt: timestamp(startAt),
    stopAt: stop === "at" ? timestamp(stopAt) : undefined,
    stopAfterMinutes: stop === "after" && stopAfterMinutes !== "" ? Number(stopAfterMinutes) : undefined,
  });
  return Object.keys(schedule).length === 0 ? undefined : (schedule as JsonObject);
}

/** The body of `POST /v1/jobs`. The key makes it safe to press the button twice. */
export function jobBody(config: JsonObject, wishes: Wishes, idempotencyKey: string): object {
  const { templateId, title, context, drawNumber, sheet, team1, team2, restart, youtube, room, when } = wishes;
  const inContext = given({ drawNumber, sheet, team1, team2 });
  const streamContext = context === "" ? undefined : { context, ...inContext };
  const body: Partial<CreateJob> = {
    ...(templateId === "" ? { inlineConfig: config as never } : { templateId, configOverrides: config as never }),
    idempotencyKey,
    restartPolicy: restart ? "onFailure" : "never",
    ...(title === "" ? {} : { streamMetadata: { title } }),
    ...(streamContext === undefined ? {} : { streamContext }),
    ...(youtube === "default" ? {} : { youtube: youtube === "yes" }),
    ...(room === "" ? {} : { room }),
  };
  const schedule = scheduleOf(when);
  return schedule === undefined ? body : { ...body, schedule };
}

/** A word that nobody else makes. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
