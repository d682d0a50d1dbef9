/** How a wait behaves. */
export interface WaitOptions {
  /** Milliseconds until the wait fails; generous by default, because test machines are busy. */
  deadlineMs?: number;
  /** Milliseconds between two looks. */
  everyMs?: number;
  /** What is waited for, in the error's sentence. */
  what?: string;
}

/** What is left of a type when falsy values are taken out. */
export type Truthy<T> = Exclude<NonNullable<T>, false | 0 | "">;

/**
 * Looks again and again until the condition gives something truthy.
 *
 * @returns what the condition gave.
 * @throws when the deadline passes, with the last error of the condition as cause.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { deadlineMs = 20_000, everyMs = 20, what = "the condition" }: WaitOptions = {},
): Promise<Truthy<T>> {
  const end = Date.now() + deadlineMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as Truthy<T>;
      lastError = undefined;
    } catch (thrown) {
      lastError = thrown;
    }
    if (Date.now() >= end)
      throw new Error(`Waited ${deadlineMs} ms in vain for ${what}.`, { cause: lastError as Error | undefined });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
