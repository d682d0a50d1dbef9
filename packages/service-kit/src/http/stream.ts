import { once } from "node:events";
import type { ServerResponse } from "node:http";

/**
 * Writes a long answer piece by piece, as fast as the client reads, and ends it. Stops asking for pieces once the client has
 * gone.
 */
export async function writeAll(response: ServerResponse, pieces: AsyncIterable<string>): Promise<void> {
  for await (const piece of pieces) {
    const room = response.write(piece);
    if (!room && !response.closed) await drainedOrClosed(response);
    if (response.closed) return;
  }
  response.end();
}

/** Waits without leaving a listener behind: a long answer has many pieces. */
async function drainedOrClosed(response: ServerResponse): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  try {
    await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
  } finally {
    over.abort();
  }
}
