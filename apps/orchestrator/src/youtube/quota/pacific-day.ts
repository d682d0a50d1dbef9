const ZONE = "America/Los_Angeles";
const HOUR_MS = 3_600_000;

const calendar = new Intl.DateTimeFormat("en-CA", {
  timeZone: ZONE,
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
});

/** The day by which Google counts quotas, such as `2026-03-08`: that of the Pacific coast. */
export const pacificDay = (at: Date): string => calendar.format(at);

/** The midnight at which the next such day begins. */
export function nextPacificDay(at: Date): Date {
  const today = pacificDay(at);
  const [year = 0, month = 1, day = 1] = today.split("-").map(Number);
  // Seven hours behind UTC in summer and eight in winter. Clocks change at two in the night, so that midnight has the offset
  // of the day before: the first of the two moments that belongs to another day is it.
  for (const offset of [7, 8]) {
    const midnight = new Date(Date.UTC(year, month - 1, day + 1) + offset * HOUR_MS);
    if (pacificDay(midnight) !== today) return midnight;
  }
  throw new RangeError(`There is no day after ${today}.`);
}
