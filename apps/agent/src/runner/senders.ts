import type { Redactor, StopTimes, TsRelay } from "@stream-control/ffmpeg";
import type { Destination, DestinationStatus, ErrorInfo } from "@stream-control/protocol";
import { DestinationSender } from "./destination-sender.js";
import { refused } from "./errors.js";
import type { Reach } from "./reach/reach.js";
import { isRefusal } from "./reach/refusals.js";

/** What the senders work with. */
export interface SendersOptions {
  ffmpegPath: string;
  reach: Reach;
  hideIn: readonly string[];
  relay: TsRelay;
  redactor: Redactor;
  bitrateKbps: number;
  now: () => number;
  onChange: (sender: DestinationSender) => void;
  onLine: (id: string, line: string) => void;
}

/** Milliseconds that a destination which is taken away may take to close. */
const REMOVE_TIMES: StopTimes = { graceMs: 5000, killAfterMs: 2000 };

/** All destinations of a job; they come and go while it is live. */
export class Senders {
  private readonly senders = new Map<string, DestinationSender>();
  private readonly leaving = new Set<DestinationSender>();
  private realtime = true;
  private started = false;
  private idle = false;

  constructor(
    private readonly options: SendersOptions,
    destinations: readonly Destination[],
  ) {
    for (const [index, destination] of destinations.entries()) {
      const id = destination.id ?? `${destination.type}-${index + 1}`;
      this.senders.set(id, this.make(id, destination));
    }
  }

  get pids(): number[] {
    return [...this.senders.values(), ...this.leaving].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }
  get statuses(): DestinationStatus[] {
    return [...this.senders.values()].map((sender) => sender.status());
  }
  get everyOneFailed(): boolean {
    return [...this.senders.values()].every(({ error }) => error !== undefined);
  }

  /** @param realtime whether the program runs at the speed of the clock; if not, recordings hold it up instead of losing something. */
  start(realtime: boolean): void {
    this.realtime = realtime;
    this.started = true;
    for (const sender of this.senders.values()) sender.start(realtime);
  }

  /** Adds a destination, which begins at the next keyframe. @throws CommandError where its name is taken. */
  add(destination: Destination): DestinationSender {
    const id = destination.id ?? this.freeId(destination.type);
    const taken = this.senders.get(id);
    if (taken !== undefined && !taken.isOver)
      throw refused("DESTINATION_EXISTS", `There is a destination "${id}" already. Give another id.`);
    const sender = this.make(id, destination);
    this.senders.set(id, sender);
    sender.setIdle(this.idle);
    if (this.started) sender.start(this.realtime);
    this.options.onChange(sender);
    return sender;
  }

  /** Takes a destination away and lets it close. @throws CommandError for one that is not there, and for the last one. */
  remove(id: string): DestinationSender {
    const sender = this.senders.get(id);
    if (sender === undefined) throw refused("NOT_FOUND", `There is no destination "${id}".`);
    const others = [...this.senders.values()].filter((other) => other !== sender && !other.isOver);
    if (others.length === 0)
      throw refused(
        "LAST_DESTINATION",
        "The last destination can't be removed. Stop the job, or add another one first.",
      );
    this.senders.delete(id);
    this.leaving.add(sender);
    void sender.finish(REMOVE_TIMES).then(() => this.leaving.delete(sender));
    return sender;
  }

  /** Nothing is sent on purpose, or something is again. */
  setIdle(idle: boolean): void {
    this.idle = idle;
    for (const sender of this.senders.values()) sender.setIdle(idle);
  }

  /** Lets every destination have the rest and close. */
  async finish(times: StopTimes): Promise<void> {
    await Promise.all([...this.senders.values(), ...this.leaving].map((sender) => sender.finish(times)));
  }

  async kill(): Promise<void> {
    await Promise.all([...this.senders.values(), ...this.leaving].map((sender) => sender.kill()));
  }

  /** What failed last decides the words; all of them stand in the detail. */
  failure(): ErrorInfo {
    const senders = [...this.senders.values()];
    const errors = senders.flatMap(({ error }) => (error === undefined ? [] : [error]));
    const onlyFiles = senders.every(({ destination }) => destination.type === "file");
    const last = errors.at(-1);
    const what = errors.length === 1 ? "The only destination failed" : `All ${errors.length} destinations failed`;
    return {
      code: last !== undefined && isRefusal(last) ? last.code : onlyFiles ? "OUTPUT_FAILED" : "STREAMING_FAILED",
      message: `${what}. ${last?.message ?? ""}`.trim().slice(0, 4096),
      detail: { fault: "destination", ...last?.detail, destinations: this.statuses },
    };
  }

  private freeId(type: string): string {
    let number = this.senders.size + 1;
    while (this.senders.has(`${type}-${number}`)) number += 1;
    return `${type}-${number}`;
  }

  private make(id: string, destination: Destination): DestinationSender {
    const { onLine, ...context } = this.options;
    return new DestinationSender(id, destination, { ...context, onLine: (line) => onLine(id, line) });
  }
}
