import type { ErrorInfo, Fault } from "@stream-control/protocol";
import type { BoundedLog } from "./process/bounded-log.js";
import type { ProcessExit } from "./process/ffmpeg-process.js";
import type { Redactor } from "./redact.js";

/** Why a job failed, for programs. */
export const MEDIA_ERROR_CODES = [
  /** The program died, or a live source ended. */
  "FFMPEG_EXITED",
  /** No destination could be kept. */
  "STREAMING_FAILED",
  "SOURCE_UNREACHABLE",
  /** This agent may not open it: its address is not allowed, or its path leads out of the allowed folders. */
  "SOURCE_REFUSED",
  /** The same of a destination. */
  "DESTINATION_REFUSED",
  /** It was there, and now gives no pictures, or none that count. */
  "SOURCE_LOST",
  /** The program lives but makes no new frame. */
  "ENCODER_STALLED",
  "CONFIG_INVALID",
  /** A recording could not be written. */
  "OUTPUT_FAILED",
  /** It made frames, but too few, for too long. */
  "ENCODER_SLOW",
  /** The job used more of its machine than it may. */
  "LIMIT_EXCEEDED",
  /** Nobody renewed the job's lease: somebody else may run it. */
  "LEASE_EXPIRED",
  /** Something inside the runner. */
  "RUNNER_ERROR",
] as const;
export type MediaErrorCode = (typeof MEDIA_ERROR_CODES)[number];

/** What ffmpeg's words say: a symbol, half a sentence, and whose fault it is where the words alone say so. */
export interface Diagnosis {
  cause: string;
  /** Goes on from "because " or ": ". */
  text: string;
  fault?: Fault;
}

interface Rule extends Diagnosis {
  pattern: RegExp;
}

/** In order: the first that matches wins, so the special stand before the general. */
const RULES: readonly Rule[] = [
  {
    // The launcher could be started, ffmpeg could not.
    pattern: /failed to execute /i,
    cause: "FFMPEG_NOT_STARTED",
    text: "ffmpeg could not be started",
    fault: "agent",
  },
  { pattern: /No space left on device/i, cause: "DISK_FULL", text: "the disk is full", fault: "agent" },
  { pattern: /not on whitelist/i, cause: "NOT_ALLOWED", text: "the input refers to something that may not be opened" },
  {
    pattern: /Unknown encoder|Cannot load lib|No capable devices|Error (?:while opening|initializing) .*encoder/i,
    cause: "ENCODER_BROKEN",
    text: "the encoder does not work on this machine",
    fault: "encoder",
  },
  {
    pattern: /No device available for encoder|Failed to initiali[sz]e VAAPI|Error creating a MFX session/i,
    cause: "ENCODER_BROKEN",
    text: "the encoder does not work on this machine",
    fault: "encoder",
  },
  {
    pattern: /Failed to resolve hostname|Name or service not known|Temporary failure in name resolution/i,
    cause: "HOST_NOT_FOUND",
    text: "the host's name is not known",
  },
  { pattern: /Connection refused/i, cause: "REFUSED", text: "the connection was refused" },
  {
    pattern: /Network is unreachable|No route to host|Host is unreachable/i,
    cause: "NETWORK_UNREACHABLE",
    text: "the network does not reach it",
    fault: "network",
  },
  {
    pattern:
      /40[13] (?:Unauthorized|Forbidden)|Server returned 40[13]|access denied|BADSECRET|ERROR:PEER|authori[sz]ation/i,
    cause: "NOT_AUTHORIZED",
    text: "access was refused: check the key, the password or the passphrase",
  },
  { pattern: /404 Not Found|Stream not found|StreamNotFound/i, cause: "NOT_FOUND", text: "it was not found there" },
  { pattern: /Server returned 5\d\d|HTTP error 5\d\d/i, cause: "SERVER_ERROR", text: "the server had an error" },
  { pattern: /No such file or directory/i, cause: "NOT_FOUND", text: "the file or device does not exist" },
  { pattern: /Permission denied/i, cause: "NOT_PERMITTED", text: "the agent may not open it", fault: "agent" },
  { pattern: /Device or resource busy/i, cause: "BUSY", text: "the device is in use by another program" },
  {
    pattern: /Address already in use/i,
    cause: "ADDRESS_IN_USE",
    text: "the address is in use already",
    fault: "agent",
  },
  {
    pattern: /timed? ?out|ERROR:TIMEOUT/i,
    cause: "TIMED_OUT",
    text: "it did not answer in time",
    fault: "network",
  },
  {
    pattern: /Server error: |NetStream\.Publish|Publish\w* (?:rejected|failed)/i,
    cause: "REJECTED",
    text: "the server rejected the stream: check the stream key, and that nobody else uses it",
  },
  {
    pattern: /Broken pipe|Connection reset|Connection (?:was )?closed|End of file|Input\/output error|ERROR:BROKEN/i,
    cause: "CONNECTION_LOST",
    text: "the connection was lost",
    fault: "network",
  },
  {
    pattern: /moov atom not found|Invalid data found|could not find codec parameters/i,
    cause: "NOT_MEDIA",
    text: "it holds no media that can be read",
  },
  {
    pattern: /Stream map '.*' matches no streams|does not contain any stream/i,
    cause: "NO_STREAMS",
    text: "it has neither the picture nor the sound that is needed",
  },
  {
    pattern: /Unrecognized option|Option .* not found|Protocol not found|Unknown (?:input )?format|No such filter/i,
    cause: "FFMPEG_LACKS_FEATURE",
    text: "this machine's ffmpeg lacks a needed feature",
    fault: "agent",
  },
];

/** Finds the cause of a failure in ffmpeg's words; undefined where they say nothing known. */
export function diagnose(lines: readonly string[]): Diagnosis | undefined {
  const text = lines.join("\n");
  const rule = RULES.find(({ pattern }) => pattern.test(text));
  if (rule === undefined) return undefined;
  return { cause: rule.cause, text: rule.text, ...(rule.fault === undefined ? {} : { fault: rule.fault }) };
}

const LAST_LINES = 12;

/** What makes an error out of an ffmpeg that failed. */
export interface FailureContext {
  code: MediaErrorCode;
  /** The sentence's beginning, without full stop, such as "The source could not be read". */
  what: string;
  /** Whose fault it is unless ffmpeg's words say otherwise. */
  fault: Fault;
  redactor: Redactor;
  log?: BoundedLog;
  exit?: ProcessExit;
  /** Overrides the cause found in the words. */
  cause?: string;
  detail?: Record<string, unknown>;
}

/** Builds the error of a failed ffmpeg: a sentence with its cause, whose fault it is, and ffmpeg's last words, redacted. */
export function mediaError({ code, what, fault, redactor, log, exit, cause, detail }: FailureContext): ErrorInfo {
  const lastLines = log?.last(LAST_LINES) ?? [];
  const diagnosis = exit?.startError === undefined ? diagnose(log?.lines() ?? []) : startDiagnosis(exit.startError);
  const because = diagnosis === undefined ? endOf(exit) : diagnosis.text;
  const shownCause = cause ?? diagnosis?.cause;
  return {
    code,
    message: redactor(`${what}${because === undefined || cause !== undefined ? "" : `: ${because}`}.`),
    detail: {
      fault: cause === undefined ? (diagnosis?.fault ?? fault) : fault,
      ...(shownCause === undefined ? {} : { cause: shownCause }),
      ...(exit === undefined ? {} : { exitCode: exit.code, signal: exit.signal }),
      ...(lastLines.length === 0 ? {} : { lastLines: lastLines.map(redactor) }),
      ...detail,
    },
  };
}

const startDiagnosis = (startError: string): Diagnosis => ({
  cause: "FFMPEG_NOT_STARTED",
  text: `ffmpeg could not be started (${startError})`,
  fault: "agent",
});

function endOf(exit: ProcessExit | undefined): string | undefined {
  if (exit === undefined) return undefined;
  return exit.signal === null ? `ffmpeg ended with code ${exit.code}` : `ffmpeg was ended by the signal ${exit.signal}`;
}
