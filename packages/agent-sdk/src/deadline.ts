/** The longest time that a timer takes: 2^31 - 1 milliseconds. Node runs a longer one at once. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** Settles as the work does, or rejects with `late` when the time is over. What then becomes of the work is not waited for. */
export async function withDeadline<T>(work: () => Promise<T>, ms: number, late: Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late), Math.min(ms, LONGEST_TIMER_MS));
  try {
    return await Promise.race([work(), promise]);
  } finally {
    clearTimeout(timer);
  }
}
