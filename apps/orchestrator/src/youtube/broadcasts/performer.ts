import { YouTubeError } from "../api/errors.js";
import type { Stream } from "../api/resources.js";
import type { YouTubeApi } from "../api/youtube-api.js";
import type { YouTubeSettings } from "../settings.js";
import type { Broadcast, Ingestion } from "./broadcast.js";
import type { BroadcastRows } from "./broadcast-rows.js";
import type { KeptStreams } from "./kept-streams.js";
import { textsFor } from "./texts.js";

export interface PerformerOptions {
  api: YouTubeApi;
  rows: BroadcastRows;
  kept: KeptStreams;
  settings: YouTubeSettings;
  /** Every broadcast that has not ended. */
  open: () => Iterable<Broadcast>;
  now: () => Date;
}

/** Steps that are calls of the API and nothing else. */
export interface ApiStep {
  do:
    | "find-stream"
    | "make-stream"
    | "find-broadcast"
    | "make-broadcast"
    | "bind"
    | "send-texts"
    | "delete-broadcast"
    | "delete-stream";
}

/** Writes what has become of a step; resolves when it is on disk. */
export type Save = (changes: Partial<Broadcast>) => Promise<void>;

/** "Now" as a time that YouTube takes: it has to lie in the future when the request arrives. */
const SOON_MS = 30_000;

/** Carries out steps: each notes what it is about to do where that can't be seen afterwards, and then what came of it. */
export class Performer {
  constructor(private readonly options: PerformerOptions) {}

  /** @throws YouTubeError. */
  async perform(broadcast: Broadcast, step: ApiStep, save: Save): Promise<void> {
    const { api } = this.options;
    switch (step.do) {
      case "make-stream":
        return this.makeStream(broadcast, save);
      case "find-stream": {
        const found = await api.streamTitled(await this.streamTitle(broadcast));
        if (found === undefined) return save({ unsure: null });
        return this.takeStream(broadcast, found, save);
      }
      case "make-broadcast":
        return this.makeBroadcast(broadcast, save);
      case "find-broadcast": {
        const found = await this.findBroadcast(broadcast);
        return save({ ...found, unsure: null });
      }
      case "bind":
        await api.bind(broadcast.broadcastId ?? "", broadcast.streamId ?? "");
        return save({ bound: true });
      case "send-texts":
        return this.sendTexts(broadcast, save);
      case "delete-broadcast":
        await unlessGone(api.deleteBroadcast(broadcast.broadcastId ?? ""));
        return save({ broadcastId: null, bound: false });
      case "delete-stream":
        await unlessGone(api.deleteStream(broadcast.streamId ?? ""));
        return save({ streamId: null, ingestion: null });
    }
  }

  /** The stream that is kept for the sheet is not there any more. */
  async forgetStream({ sheetKey, keepsStream }: Broadcast): Promise<void> {
    if (keepsStream && sheetKey !== null) await this.options.kept.forget(sheetKey);
  }

  private async makeStream(broadcast: Broadcast, save: Save): Promise<void> {
    if (broadcast.keepsStream && broadcast.sheetKey !== null) {
      const { streamId, ingestion } = await this.options.kept.of(broadcast.sheetKey);
      if (streamId !== null && ingestion !== null) return save({ streamId, ingestion });
    }
    const title = await this.streamTitle(broadcast);
    await save({ unsure: "stream" });
    await this.takeStream(broadcast, await this.options.api.insertStream(title), save);
  }

  private async takeStream(broadcast: Broadcast, stream: Stream, save: Save): Promise<void> {
    const ingestion = ingestionOf(stream, this.options.settings.ingestProtocol);
    if (broadcast.keepsStream && broadcast.sheetKey !== null)
      await this.options.kept.keep(broadcast.sheetKey, stream.id, ingestion);
    await save({ streamId: stream.id, ingestion, unsure: null });
  }

  private async makeBroadcast(broadcast: Broadcast, save: Save): Promise<void> {
    const texts = textsFor(broadcast);
    const announced = this.startTime(broadcast);
    // Of a job's own broadcast nobody has said when it is to start.
    const scheduledStart = broadcast.origin === "job" ? announced : broadcast.scheduledStart;
    await save({ unsure: "broadcast", scheduledStart, sentTexts: { ...texts, scheduledStart, announced } });
    const made = await this.options.api.insertBroadcast({
      ...texts,
      ...{ scheduledStartTime: announced, privacy: broadcast.privacy },
    });
    await save({ broadcastId: made.id, channelId: made.snippet?.channelId ?? null, unsure: null });
  }

  /**
   * One that was made although no answer came: of the same title and time, which no other one of ours has, without a stream,
   * and not known as another one of ours.
   */
  private async findBroadcast({ sentTexts, scheduledStart }: Broadcast): Promise<Partial<Broadcast>> {
    const at = Date.parse(sentTexts?.announced ?? scheduledStart);
    for await (const { id, snippet, contentDetails } of this.options.api.upcoming()) {
      if (snippet?.title !== sentTexts?.title || contentDetails?.boundStreamId !== undefined) continue;
      if (Date.parse(snippet?.scheduledStartTime ?? "") !== at || (await this.options.rows.isKnown(id))) continue;
      return { broadcastId: id, channelId: snippet?.channelId ?? null };
    }
    return {};
  }

  private async sendTexts(broadcast: Broadcast, save: Save): Promise<void> {
    const texts = textsFor(broadcast);
    const id = broadcast.broadcastId ?? "";
    // The part is replaced as a whole, so that the start time must be sent as YouTube has it.
    const [there] = await this.options.api.broadcasts([id], "edit");
    if (there === undefined) throw goneBroadcast();
    const { scheduledStart, liveAt } = broadcast;
    const isAhead = liveAt === null && Date.parse(scheduledStart) > this.options.now().getTime();
    const scheduledStartTime = isAhead ? scheduledStart : (there.snippet?.scheduledStartTime ?? scheduledStart);
    await this.options.api.updateTexts(id, { ...texts, scheduledStartTime });
    // A time that is over cannot be announced any more.
    await save({ sentTexts: { ...texts, scheduledStart } });
  }

  /**
   * The announced time, or where there is none or it is over, a moment from now; in a second that no other broadcast of the
   * title has, so that it can be told from them.
   */
  private startTime({ id, title, scheduledStart }: Broadcast): string {
    const soonest = this.options.now().getTime() + SOON_MS;
    const taken = new Set(
      [...this.options.open()].flatMap((other) =>
        other.id !== id && other.title === title ? [other.sentTexts?.announced ?? other.scheduledStart] : [],
      ),
    );
    for (let second = Math.ceil(Math.max(soonest, Date.parse(scheduledStart)) / 1000); ; second += 1) {
      const start = new Date(second * 1000).toISOString();
      if (!taken.has(start)) return start;
    }
  }

  private async streamTitle({ keepsStream, sheetKey, marker }: Broadcast): Promise<string> {
    if (!keepsStream || sheetKey === null) return `Stream Control ${marker}`;
    const kept = await this.options.kept.of(sheetKey);
    return `Stream Control ${sheetKey.slice(0, 60)} ${kept.marker}`;
  }
}

function ingestionOf({ cdn }: Stream, protocol: "rtmps" | "rtmp"): Ingestion {
  if (cdn === undefined)
    throw new YouTubeError({
      ...{ kind: "retry", reason: "ODD_ANSWER" },
      message: "YouTube did not say where to push the stream to; it is asked again.",
    });
  const { streamName, ingestionAddress, rtmpsIngestionAddress } = cdn.ingestionInfo;
  const url = protocol === "rtmps" ? (rtmpsIngestionAddress ?? ingestionAddress) : ingestionAddress;
  return { url, streamKey: streamName };
}

/** What is not there need not be deleted. */
async function unlessGone(deletion: Promise<void>): Promise<void> {
  try {
    await deletion;
  } catch (thrown) {
    if (!(thrown instanceof YouTubeError) || thrown.kind !== "gone") throw thrown;
  }
}

/** As YouTube says it where one is asked for by its id alone. */
export const goneBroadcast = (): YouTubeError =>
  new YouTubeError({
    ...{ kind: "gone", reason: "liveBroadcastNotFound" },
    message: "The broadcast is not there any more; somebody has deleted it at YouTube.",
  });
