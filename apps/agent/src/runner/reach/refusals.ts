import type { ErrorInfo } from "@stream-control/protocol";
import { CommandError } from "../errors.js";

/** What may not be opened; never tried again, because trying again changes nothing. */
export class RefusedError extends CommandError {}

type End = "source" | "destination";
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

/** Worth another try: names come and go. */
export function hostNotFound(end: End, host: string): ErrorInfo {
  const isSource = end === "source";
  return {
    code: isSource ? "SOURCE_UNREACHABLE" : "STREAMING_FAILED",
    message: `The ${end} could not be opened: the host's name is not known (${host.slice(0, 253)}).`,
    detail: { fault: end, cause: "HOST_NOT_FOUND" },
  };
}
