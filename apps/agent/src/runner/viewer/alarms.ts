import { ALARMS, type Alarm, type AlarmSettings, type JsonObject } from "@stream-control/protocol";
import { Sustained } from "../sustained.js";

/** An alarm is over when it has not held for so long: what comes and goes is one alarm. */
const CLEAR_AFTER_MS = 2000;

/** What each alarm says, and whose business it is. */
const WORDS: Record<Alarm, { message: string; over: string; fault: string }> = {
  black: { message: "The picture is black.", over: "There is a picture again.", fault: "source" },
  frozen: { message: "The picture is frozen.", over: "The picture moves again.", fault: "source" },
  silent: { message: "There is no sound.", over: "There is sound again.", fault: "source" },
  clipping: { message: "The sound is too loud and is cut off.", over: "The sound is clean again.", fault: "source" },
  slow: {
    message: "The program runs slower than real time.",
    over: "The program keeps up with real time again.",
    fault: "encoder",
  },
  reconnecting: {
    message: "A destination is not reached.",
    over: "Every destination is reached again.",
    fault: "destination",
  },
};

/** What holds at a moment, whether for long or not. */
export type Facts = Record<Alarm, boolean>;

/** Tells the operator of what has been wrong for long enough, and when it is over. */
export class Alarms {
  private readonly beginning: Record<Alarm, Sustained>;
  private readonly ending: Record<Alarm, Sustained>;
  private readonly raised = new Set<Alarm>();

  constructor(
    settings: AlarmSettings,
    private readonly onEvent: (event: string, message: string, data: JsonObject) => void,
  ) {
    const { blackMs, frozenMs, silentMs, clippingMs, reconnectingMs } = settings;
    // How long an encoder may be slow, `slowEncoder` says; it is slow only after that.
    const afterMs = {
      ...{ black: blackMs, frozen: frozenMs, silent: silentMs, clipping: clippingMs, slow: 0 },
      reconnecting: reconnectingMs,
    };
    const each = (ms: (alarm: Alarm) => number) =>
      Object.fromEntries(ALARMS.map((alarm) => [alarm, new Sustained(ms(alarm))])) as Record<Alarm, Sustained>;
    this.beginning = each((alarm) => afterMs[alarm] ?? Number.POSITIVE_INFINITY);
    this.ending = each(() => CLEAR_AFTER_MS);
  }

  /** Those that are raised, in the order of {@link ALARMS}. */
  get present(): Alarm[] {
    return ALARMS.filter((alarm) => this.raised.has(alarm));
  }

  /** Looks at what holds; call it about once a second. */
  feed(facts: Facts, now: number): void {
    for (const alarm of ALARMS) {
      const begins = this.beginning[alarm].feed(facts[alarm], now);
      const ends = this.ending[alarm].feed(!facts[alarm], now);
      if (begins) this.raise(alarm);
      if (ends) this.clear(alarm);
    }
  }

  private raise(alarm: Alarm): void {
    if (this.raised.has(alarm)) return;
    this.raised.add(alarm);
    const { message, fault } = WORDS[alarm];
    this.onEvent("stream.alarm_raised", message, { alarm, fault });
  }

  private clear(alarm: Alarm): void {
    if (this.raised.delete(alarm)) this.onEvent("stream.alarm_cleared", WORDS[alarm].over, { alarm });
  }
}
