/** A time of day, such as 20:15 or 23:59:30. */
const TIME_OF_DAY = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;

export const isTimeOfDay = (text: string): boolean => TIME_OF_DAY.test(text);

/**
 * The next moment at which clocks in a time zone show a time of day: today's, or tomorrow's where that is past. A time that
 * a change of the clocks leaves out is the moment of the change; of one that comes twice, the first counts.
 *
 * @param afterMs the moment is at or after it; milliseconds since 1970.
 */
export function nextTimeOfDay(time: string, timeZone: string, afterMs: number): number {
  const [, hours = "0", minutes = "0", seconds = "0"] = TIME_OF_DAY.exec(time) ?? [];
  const wantedMs = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  const clock = new LocalClock(timeZone);
  for (let day = -1; ; day += 1) {
    const localMidnight = clock.midnightOf(afterMs + day * DAY_MS);
    const moment = clock.momentOf(localMidnight + wantedMs);
    if (moment >= afterMs || day > 2) return moment;
  }
}

const DAY_MS = 86_400_000;

class LocalClock {
  private readonly format: Intl.DateTimeFormat;

  constructor(timeZone: string) {
    this.format = new Intl.DateTimeFormat("en-US", {
      ...{ timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric", second: "numeric" },
    });
  }

  /** What clocks show at a moment, as if that were UTC. */
  private local(momentMs: number): number {
    const parts = Object.fromEntries(
      this.format.formatToParts(momentMs).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  midnightOf(momentMs: number): number {
    return Math.floor(this.local(momentMs) / DAY_MS) * DAY_MS;
  }

  /** The first moment at which clocks show this or later. */
  momentOf(localMs: number): number {
    const offsets = [-DAY_MS, 0, DAY_MS].map((days) => this.local(localMs + days) - (localMs + days));
    const candidates = [...new Set(offsets)].map((offset) => localMs - offset).sort((a, b) => a - b);
    const exact = candidates.find((moment) => this.local(moment) === localMs);
    if (exact !== undefined) return exact;
    // The clocks jump over it: look for the jump between the two candidates.
    let [low = localMs, high = localMs] = [candidates[0], candidates.at(-1)];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.local(middle) < localMs) low = middle;
      else high = middle;
    }
    return high;
  }
}
