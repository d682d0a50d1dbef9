import type { StreamContext } from "@stream-control/protocol";
import { compileWording, DEFAULT_WORDING, type Values, type Wording } from "./wording.js";

/** How generated titles and descriptions are written. */
export interface TitleFormat {
  /** BCP 47, such as `en-US`. */
  locale: string;
  /** IANA name; the machine's own where absent. */
  timeZone?: string;
  /** Texts in place of the usual ones. */
  wording?: Partial<Wording>;
}

/**
 * Makes titles and descriptions for streams that were submitted without one, in the wording that deployed pages and
 * their viewers know unless told otherwise: `Tournament - Draw 3 - Sheet A (Team Alpha v. Team Beta) - 9/17/2024`.
 */
export class TitleMaker {
  private readonly day: Intl.DateTimeFormat;
  private readonly moment: Intl.DateTimeFormat;
  private readonly texts: Record<keyof Wording, (values: Values) => string>;

  constructor({ locale, timeZone, wording }: TitleFormat) {
    const zone = timeZone === undefined ? {} : { timeZone };
    // Building a formatter costs more than submitting a job, so both are built once, and so are the texts.
    this.day = new Intl.DateTimeFormat(locale, { ...zone, day: "numeric", month: "numeric", year: "numeric" });
    this.moment = new Intl.DateTimeFormat(locale, {
      ...zone,
      month: "short",
      day: "numeric",
      hour: "numeric",
      minute: "2-digit",
    });
    const used = { ...DEFAULT_WORDING, ...wording };
    this.texts = {
      title: compileWording(used.title),
      description: compileWording(used.description),
      titleWithoutContext: compileWording(used.titleWithoutContext),
      descriptionWithoutContext: compileWording(used.descriptionWithoutContext),
    };
  }

  title(context: StreamContext | null | undefined, at: Date): string {
    const { title, titleWithoutContext } = this.texts;
    const when = {
      date: this.day.format(at),
      // Some locales part the day's halves by a narrow blank, which not every page can show.
      moment: this.moment.format(at).replaceAll("\u202f", " "),
    };
    return context == null ? titleWithoutContext(when) : title({ ...valuesOf(context), ...when });
  }

  description(context: StreamContext | null | undefined): string {
    const { description, descriptionWithoutContext } = this.texts;
    return context == null ? descriptionWithoutContext({}) : description(valuesOf(context));
  }
}

function valuesOf({ context, drawNumber, sheet, team1, team2 }: StreamContext): Values {
  const teams = [team1, team2].filter((team) => team !== undefined);
  return {
    ...{ context, contextLower: context.toLowerCase(), sheet, team1, team2 },
    drawNumber: drawNumber === undefined ? undefined : String(drawNumber),
    teams: teams.length === 0 ? undefined : teams.join(" v. "),
  };
}
