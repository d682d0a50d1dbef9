import { diagnose } from "@stream-control/ffmpeg";
import type { ErrorInfo } from "@stream-control/protocol";
import { CommandError } from "../errors.js";

/** What may not be opened; never tried again, because trying again changes nothing. */
export class RefusedError extends CommandError {}

export type End = "source" | "destination";
type Why = "host" | "path" | "redirect" | "unreadable";

const CODES = { source: "SOURCE_REFUSED", destination: "DESTINATION_REFUSED" } as const;

const SENTENCES: Record<Why, (end: End, host: string) => string> = {
  host: (end, host) =>
    `The ${end} leads to the host "${host}", which this agent may not reach. Its owner says what it may (ALLOWED_NETWORKS).`,
  path: (end) => `The ${end}'s path leads somewhere else than when the job was accepted.`,
  redirect: () =>
    "The source redirects to another address, which is not followed with RTSP. Give that address instead.",
  unreadable: (end) => `The ${end}'s address has no host that can be read.`,
};

/** The error of an end that may not be opened. It says nothing of which addresses a name has. */
export function refusal(end: End, why: Why, host = ""): ErrorInfo {
  return {
    code: CODES[end],
    message: SENTENCES[why](end, host.slice(0, 253)),
    detail: { fault: "config", cause: `REFUSED_${why.toUpperCase()}` },
  };
}

/** Whether an error says that something may not be opened. */
export const isRefusal = ({ code }: ErrorInfo): boolean => code === CODES.source || code === CODES.destination;

/** What can't be reached at present; worth another try. @param words what ffmpeg would have said. */
export function unreachable(end: End, host: string, words: string): ErrorInfo {
  const { cause = "CONNECTION_FAILED", text = "it could not be connected to", fault = end } = diagnose([words]) ?? {};
  return {
    code: end === "source" ? "SOURCE_UNREACHABLE" : "STREAMING_FAILED",
    message: `The ${end} could not be opened: ${text} (${host.slice(0, 253)}).`,
    detail: { fault, cause },
  };
}
