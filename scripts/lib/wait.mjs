import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks again and again until there is an answer.
 *
 * @template T
 * @param {() => Promise<T | undefined> | T | undefined} ask undefined for "not yet"
 * @param {{ what: string, deadlineMs: number, everyMs?: number, signal?: AbortSignal, say?: (line: string) => void }} options
 *   `what` finishes "waiting for …"; `say` hears every five seconds what is being waited for
 * @returns {Promise<T>}
 * @throws {Error} after the deadline, or when `signal` aborts
 */
export async function waitFor(ask, { what, deadlineMs, everyMs = 100, signal, say }) {
  const began = Date.now();
  let nextWordMs = 5000;
  for (;;) {
    signal?.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    const waitedMs = Date.now() - began;
    if (waitedMs >= deadlineMs) throw new Error(`Waited ${Math.round(deadlineMs / 1000)} s in vain for ${what}.`);
    if (waitedMs >= nextWordMs) {
      say?.(`Still waiting for ${what} (${Math.round(waitedMs / 1000)} s)…`);
      nextWordMs += 5000;
    }
    await pause(everyMs, undefined, signal === undefined ? {} : { signal });
  }
}
