import { toError } from "@stream-control/service-kit";
import { z } from "zod";
import { byReason, byTokenError, YouTubeError } from "./errors.js";

/** What the library throws where there was an answer. */
const answered = z.object({ response: z.object({ status: z.number(), data: z.unknown() }) });
/** The documented body of an error of the API. */
const apiBody = z.object({
  error: z.object({ errors: z.array(z.object({ reason: z.string() })).min(1) }),
});
/** The documented body of an error of the token endpoint. */
const tokenBody = z.object({ error: z.string() });

/**
 * Whatever a call threw, as one of ours. Nothing of the request or of an answer that is not understood is taken over: both
 * may hold secrets.
 */
export function failureOf(thrown: unknown): YouTubeError {
  if (thrown instanceof YouTubeError) return thrown;
  const answer = answered.safeParse(thrown);
  if (!answer.success) return unreachable(thrown);
  const { status, data } = answer.data.response;
  const api = apiBody.safeParse(data);
  if (api.success) {
    const reason = (api.data.error.errors[0]?.reason ?? "unknown").slice(0, 100);
    return new YouTubeError({ ...byReason(reason, status), unsure: status >= 500 });
  }
  const token = tokenBody.safeParse(data);
  if (token.success) return new YouTubeError(byTokenError(token.data.error.slice(0, 100), status));
  return new YouTubeError({
    ...{ kind: "retry", reason: `HTTP_${status}`, unsure: status >= 500 },
    message: `Something between here and YouTube answered with ${status}; it is tried again.`,
  });
}

/** No answer came: what was asked for may have been done. */
function unreachable(thrown: unknown): YouTubeError {
  const error = toError(thrown);
  const code = "code" in error && typeof error.code === "string" ? error.code.slice(0, 60) : error.name;
  return new YouTubeError({
    ...{ kind: "retry", reason: "UNREACHABLE", unsure: true },
    message: `YouTube cannot be reached, or did not answer in time (${code}); it is tried again.`,
  });
}

/** Ends a wait for a library that has no deadline of its own on every way, and has none for the end of the service. */
export async function within<T>(ms: number, work: Promise<T>, ending?: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const { promise: cut, reject } = Promise.withResolvers<never>();
  const end = (code: string) => reject(Object.assign(new Error("Nobody waits any more."), { code }));
  const stop = () => end("STOPPING");
  timer = setTimeout(() => end("TIMEOUT"), ms);
  ending?.addEventListener("abort", stop);
  if (ending?.aborted) stop();
  try {
    return await Promise.race([work, cut]);
  } finally {
    clearTimeout(timer);
    ending?.removeEventListener("abort", stop);
  }
}
