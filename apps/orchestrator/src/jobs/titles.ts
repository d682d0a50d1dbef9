import type { StreamContext } from "@stream-control/protocol";

/** How dates in generated titles are written. */
export interface TitleFormat {
  /** BCP 47, such as `en-US`. */
  locale: string;
  /** IANA name; the machine's own where absent. */
  timeZone?: string;
}

const INTRODUCTION = "This is an automated live stream created by the Stream Control system.";
const INVITATION = "Join us for an exciting broadcast!";

/**
 * Makes titles and descriptions for streams that were submitted without one, in the wording that deployed pages and
 * their viewers know: `Tournament - Draw 3 - Sheet A (Team Alpha v. Team Beta) - 9/17/2024`.
 */
export class TitleMaker {
  private readonly day: Intl.DateTimeFormat;
  private readonly moment: Intl.DateTimeFormat;

  constructor({ locale, timeZone }: TitleFormat) {
    const zone = timeZone === undefined ? {} : { timeZone };
    // Building a formatter costs more than submitting a job, so both are built once.
    this.day = new Intl.DateTimeFormat(locale, { ...zone, day: "numeric", month: "numeric", year: "numeric" });
    this.moment = new Intl.DateTimeFormat(locale, {
      ...zone,
      month: "short",
      day: "numeric",
      hour: "numeric",
      minute: "2-digit",
    });
  }

  title(context: StreamContext | null | undefined, at: Date): string {
    if (context == null) return `Live Stream - ${this.moment.format(at).replaceAll("\u202f", " ")}`;
    const { context: occasion, drawNumber, sheet, team1, team2 } = context;
    const place = sheet === undefined ? [] : [`Sheet ${sheet}`];
    const teams = [team1, team2].filter((team) => team !== undefined);
    const parts = [occasion, ...(drawNumber === undefined ? [] : [`Draw ${drawNumber}`]), ...place];
    const what = `${parts.join(" - ")}${teams.length === 0 ? "" : ` (${teams.join(" v. ")})`}`;
    return `${what} - ${this.day.format(at)}`;
  }

  description(context: StreamContext | null | undefined): string {
    if (context == null) return `${INTRODUCTION} ${INVITATION}`;
    const { context: occasion, sheet, team1, team2 } = context;
    return [
      INTRODUCTION,
      `Streaming ${occasion.toLowerCase()}.`,
      ...(team1 === undefined || team2 === undefined ? [] : [`Watch ${team1} vs ${team2} live!`]),
      ...(sheet === undefined ? [] : [`Catch all the action from Sheet ${sheet}.`]),
      INVITATION,
    ].join(" ");
  }
}
