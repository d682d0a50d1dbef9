import { uptime } from "node:os";

/** Milliseconds that only ever grow; the zero is anywhere. */
export type Clock = () => number;

/** The system tells its uptime in hundredths of a second; a smaller difference is no sleep. */
const UPTIME_GRAIN_MS = 20;

/**
 * A clock that no change of the time of day moves and that goes on while the machine sleeps. `performance.now()` stands
 * still then (CLOCK_MONOTONIC), so that a lease would seem to last for as long as the lid was closed; the uptime does not
 * (CLOCK_BOOTTIME), but it is coarse. This one is the first, moved on by what it missed.
 */
export function machineClock(awake: Clock = () => performance.now(), uptimeMs: Clock = () => uptime() * 1000): Clock {
  const zero = uptimeMs() - awake();
  let asleep = 0;
  return () => {
    const now = awake();
    const missed = uptimeMs() - zero - now - asleep;
    if (missed > UPTIME_GRAIN_MS) asleep += missed;
    return now + asleep;
  };
}
