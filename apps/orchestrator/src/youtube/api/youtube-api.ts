import { z } from "zod";
import { type Purpose, UNITS } from "../quota/allowance.js";
import type { ApiCaller } from "./client.js";
import {
  type Broadcast,
  broadcastSchema,
  broadcastsSchema,
  channelsSchema,
  type Stream,
  streamSchema,
  streamsSchema,
} from "./resources.js";

/** Ids that one call can ask for. */
export const IDS_PER_CALL = 50;
/** Pages of 50 that are looked through for something that may be there already. */
const PAGES = 4;

export interface NewBroadcast {
  title: string;
  description: string;
  /** In the future; YouTube keeps whole seconds. */
  scheduledStartTime: string;
  privacy: string;
}

/** Broadcasts and streams of the connected channel, one method per call of the API. */
export class YouTubeApi {
  constructor(private readonly caller: ApiCaller) {}

  /** The connected channel; undefined where the account has none. */
  async channel(): Promise<{ id: string; title: string } | undefined> {
    const { items } = await this.caller.call({
      ...{ method: "channels.list", purpose: "edit", units: UNITS.read, answer: channelsSchema },
      run: (service, settings) => service.channels.list({ part: ["snippet"], mine: true }, settings),
    });
    const [channel] = items;
    return channel === undefined ? undefined : { id: channel.id, title: channel.snippet?.title ?? "" };
  }

  async insertBroadcast(wanted: NewBroadcast): Promise<Broadcast> {
    const { title, description, scheduledStartTime, privacy } = wanted;
    return this.caller.call({
      ...{ method: "liveBroadcasts.insert", purpose: "create", answer: broadcastSchema },
      run: (service, settings) =>
        service.liveBroadcasts.insert(
          {
            part: ["id", "snippet", "status", "contentDetails"],
            requestBody: {
              snippet: { title, description, scheduledStartTime },
              status: { privacyStatus: privacy, selfDeclaredMadeForKids: false },
              // Without the monitor stream a broadcast goes live in one step; nobody watches the preview here.
              contentDetails: {
                enableAutoStart: false,
                enableAutoStop: false,
                monitorStream: { enableMonitorStream: false },
              },
            },
          },
          settings,
        ),
    });
  }

  /** Broadcasts by their ids, with what changes while they are on air. */
  async broadcasts(ids: readonly string[], purpose: Purpose): Promise<Broadcast[]> {
    const { items } = await this.caller.call({
      ...{ method: "liveBroadcasts.list", purpose, units: UNITS.read, answer: broadcastsSchema },
      run: (service, settings) =>
        service.liveBroadcasts.list(
          { part: ["id", "snippet", "status", "contentDetails", "statistics"], id: [...ids], maxResults: IDS_PER_CALL },
          settings,
        ),
    });
    return items;
  }

  /** Broadcasts that have not begun, the newest first. */
  async *upcoming(): AsyncGenerator<Broadcast> {
    let pageToken: string | undefined;
    for (let page = 0; page < PAGES; page += 1) {
      const asked = { broadcastStatus: "upcoming", maxResults: IDS_PER_CALL, ...(pageToken && { pageToken }) };
      const { items, nextPageToken } = await this.caller.call({
        ...{ method: "liveBroadcasts.list", purpose: "create", units: UNITS.read, answer: broadcastsSchema },
        run: (service, settings) =>
          service.liveBroadcasts.list({ part: ["id", "snippet", "status", "contentDetails"], ...asked }, settings),
      });
      yield* items;
      if (nextPageToken == null) return;
      pageToken = nextPageToken;
    }
  }

  /** Changes title and description. The rest of the part is sent as it is, since an update replaces the whole of it. */
  async updateTexts(
    id: string,
    texts: { title: string; description: string; scheduledStartTime: string },
  ): Promise<void> {
    await this.caller.call({
      ...{ method: "liveBroadcasts.update", purpose: "edit", answer: broadcastSchema },
      run: (service, settings) =>
        service.liveBroadcasts.update({ part: ["snippet"], requestBody: { id, snippet: texts } }, settings),
    });
  }

  async bind(id: string, streamId: string): Promise<Broadcast> {
    return this.caller.call({
      ...{ method: "liveBroadcasts.bind", purpose: "create", answer: broadcastSchema },
      run: (service, settings) =>
        service.liveBroadcasts.bind({ part: ["id", "status", "contentDetails"], id, streamId }, settings),
    });
  }

  async transition(id: string, to: "testing" | "live" | "complete"): Promise<Broadcast> {
    const purpose = to === "complete" ? "complete" : "goLive";
    return this.caller.call({
      ...{ method: "liveBroadcasts.transition", purpose, answer: broadcastSchema },
      run: (service, settings) =>
        service.liveBroadcasts.transition({ part: ["id", "status"], id, broadcastStatus: to }, settings),
    });
  }

  async deleteBroadcast(id: string): Promise<void> {
    await this.caller.call({
      ...{ method: "liveBroadcasts.delete", purpose: "edit", answer: z.unknown() },
      run: (service, settings) => service.liveBroadcasts.delete({ id }, settings),
    });
  }

  /** A stream for any picture: its resolution could not be changed later. */
  async insertStream(title: string): Promise<Stream> {
    return this.caller.call({
      ...{ method: "liveStreams.insert", purpose: "create", answer: streamSchema },
      run: (service, settings) =>
        service.liveStreams.insert(
          {
            part: ["id", "snippet", "cdn", "contentDetails", "status"],
            requestBody: {
              snippet: { title },
              cdn: { ingestionType: "rtmp", resolution: "variable", frameRate: "variable" },
              contentDetails: { isReusable: true },
            },
          },
          settings,
        ),
    });
  }

  /** Status and health of streams. Their keys are not asked for, so that they do not travel. */
  async streams(ids: readonly string[], purpose: Purpose): Promise<Stream[]> {
    const { items } = await this.caller.call({
      ...{ method: "liveStreams.list", purpose, units: UNITS.read, answer: streamsSchema },
      run: (service, settings) =>
        service.liveStreams.list({ part: ["id", "status"], id: [...ids], maxResults: IDS_PER_CALL }, settings),
    });
    return items;
  }

  /** The channel's stream of a title, with its key. */
  async streamTitled(title: string): Promise<Stream | undefined> {
    let pageToken: string | undefined;
    for (let page = 0; page < PAGES; page += 1) {
      const { items, nextPageToken } = await this.caller.call({
        ...{ method: "liveStreams.list", purpose: "create", units: UNITS.read, answer: streamsSchema },
        run: (service, settings) =>
          service.liveStreams.list(
            {
              part: ["id", "snippet", "cdn", "status"],
              mine: true,
              maxResults: IDS_PER_CALL,
              ...(pageToken && { pageToken }),
            },
            settings,
          ),
      });
      const found = items.find(({ snippet }) => snippet?.title === title);
      if (found !== undefined || nextPageToken == null) return found;
      pageToken = nextPageToken;
    }
    return undefined;
  }

  async deleteStream(id: string): Promise<void> {
    await this.caller.call({
      ...{ method: "liveStreams.delete", purpose: "edit", answer: z.unknown() },
      run: (service, settings) => service.liveStreams.delete({ id }, settings),
    });
  }
}
