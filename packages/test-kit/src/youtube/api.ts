import { Refusal } from "./errors.js";
import { begin, onStreamStatus, read, type Target } from "./life-cycle.js";
import {
  type Body,
  CHANNEL,
  type FakeBroadcast,
  type FakeStream,
  newBroadcast,
  newStream,
  updateBroadcast,
} from "./resources.js";
import { showBroadcast, showStream, showVideo } from "./shapes.js";

/** One call of the API, taken apart. */
export interface ApiCall {
  query: URLSearchParams;
  body: Body;
}

/** Units that each method costs; an invalid request costs at least one. */
export const COSTS: Readonly<Record<string, number>> = {
  "liveBroadcasts.list": 1,
  "liveBroadcasts.insert": 50,
  "liveBroadcasts.update": 50,
  "liveBroadcasts.delete": 50,
  "liveBroadcasts.bind": 50,
  "liveBroadcasts.transition": 50,
  "liveStreams.list": 1,
  "liveStreams.insert": 50,
  "liveStreams.delete": 50,
  "videos.list": 1,
  "channels.list": 1,
};

const PAGE = 50;
const TARGETS: ReadonlySet<string> = new Set(["testing", "live", "complete"]);
const UPCOMING: ReadonlySet<string> = new Set(["created", "ready", "testStarting", "testing"]);
const ACTIVE: ReadonlySet<string> = new Set(["liveStarting", "live"]);

/** The resources of one channel, and what the API does with them. */
export class FakeApi {
  readonly broadcasts = new Map<string, FakeBroadcast>();
  readonly streams = new Map<string, FakeStream>();
  /** Where encoders push to. */
  ingestUrl = "rtmp://127.0.0.1/live2";
  /** Reads of a broadcast's status that a transient state lasts for. */
  readsInTransit = 1;

  /** What encoders do is seen by this. */
  setStreamStatus(id: string, status: FakeStream["status"], health: FakeStream["health"] = "good"): void {
    const stream = this.stream(id);
    stream.status = status;
    stream.health = health;
    for (const broadcast of this.broadcasts.values())
      if (broadcast.boundStreamId === id) onStreamStatus(broadcast, status, new Date());
  }

  /** @throws Refusal; undefined for a method that there is none of. */
  call(method: string, { query, body }: ApiCall): object | undefined {
    const parts = () => partsOf(query);
    const now = new Date();
    switch (method) {
      case "liveBroadcasts.list": {
        const shown = parts();
        return page(this.listed(query, now), query, (broadcast) => showBroadcast(broadcast, shown));
      }
      case "liveBroadcasts.insert": {
        const shown = parts();
        const broadcast = newBroadcast(body, now);
        this.broadcasts.set(broadcast.id, broadcast);
        return showBroadcast(broadcast, shown);
      }
      case "liveBroadcasts.update": {
        const shown = parts();
        const broadcast = this.broadcast(String(body.id ?? ""));
        updateBroadcast(broadcast, body, shown, now);
        return showBroadcast(broadcast, shown);
      }
      case "liveBroadcasts.delete": {
        const { id, lifeCycle } = this.broadcast(query.get("id"));
        if (!["created", "ready", "complete"].includes(lifeCycle)) throw new Refusal("liveBroadcastDeletionNotAllowed");
        this.broadcasts.delete(id);
        return {};
      }
      case "liveBroadcasts.bind": {
        const shown = parts();
        const broadcast = this.broadcast(query.get("id"));
        const streamId = query.get("streamId");
        if (!["created", "ready"].includes(broadcast.lifeCycle)) throw new Refusal("liveBroadcastBindingNotAllowed");
        broadcast.boundStreamId = streamId === null ? undefined : this.stream(streamId).id;
        broadcast.lifeCycle = streamId === null ? "created" : "ready";
        return showBroadcast(broadcast, shown);
      }
      case "liveBroadcasts.transition": {
        const shown = parts();
        const target = query.get("broadcastStatus") ?? "";
        if (!TARGETS.has(target)) throw new Refusal("statusRequired");
        const broadcast = this.broadcast(query.get("id"));
        const stream = this.streams.get(broadcast.boundStreamId ?? "");
        begin(broadcast, stream, target as Target, { reads: this.readsInTransit, now });
        return showBroadcast(broadcast, shown);
      }
      case "liveStreams.list": {
        const shown = parts();
        return page(this.listedStreams(query), query, (stream) => showStream(stream, this.ingestUrl, shown));
      }
      case "liveStreams.insert": {
        const shown = parts();
        const stream = newStream(body);
        this.streams.set(stream.id, stream);
        return showStream(stream, this.ingestUrl, shown);
      }
      case "liveStreams.delete": {
        const { id } = this.stream(query.get("id"));
        for (const { boundStreamId, lifeCycle } of this.broadcasts.values())
          if (boundStreamId === id && lifeCycle !== "complete") throw new Refusal("liveStreamDeletionNotAllowed");
        this.streams.delete(id);
        return {};
      }
      case "videos.list": {
        const shown = parts();
        const found = ids(query).flatMap((id) => this.broadcasts.get(id) ?? []);
        return page(found, query, (broadcast) => showVideo(broadcast, shown));
      }
      case "channels.list": {
        const shown = parts();
        if (query.get("mine") !== "true") throw new Refusal("missingRequiredParameter");
        const snippet = shown.has("snippet") ? { snippet: { title: CHANNEL.title } } : {};
        return {
          kind: "youtube#channelListResponse",
          items: [{ kind: "youtube#channel", id: CHANNEL.id, ...snippet }],
        };
      }
      default:
        return undefined;
    }
  }

  private listed(query: URLSearchParams, now: Date): FakeBroadcast[] {
    const filters = ["id", "mine", "broadcastStatus"].filter((name) => query.has(name));
    if (filters.length === 0) throw new Refusal("missingRequiredParameter");
    if (filters.length > 1) throw new Refusal("incompatibleParameters");
    const newestFirst = [...this.broadcasts.values()].reverse();
    const found = query.has("id")
      ? ids(query).flatMap((id) => this.broadcasts.get(id) ?? [])
      : newestFirst.filter(({ lifeCycle }) => hasStatus(query.get("broadcastStatus") ?? "all", lifeCycle));
    for (const broadcast of found) read(broadcast, now);
    return found;
  }

  private listedStreams(query: URLSearchParams): FakeStream[] {
    const filters = ["id", "mine"].filter((name) => query.has(name));
    if (filters.length === 0) throw new Refusal("missingRequiredParameter");
    if (filters.length > 1) throw new Refusal("incompatibleParameters");
    if (query.has("id")) return ids(query).flatMap((id) => this.streams.get(id) ?? []);
    return [...this.streams.values()].filter(({ isReusable }) => isReusable);
  }

  private broadcast(id: string | null): FakeBroadcast {
    if (id === null || id === "") throw new Refusal("idRequired");
    const found = this.broadcasts.get(id);
    if (found === undefined) throw new Refusal("liveBroadcastNotFound");
    return found;
  }

  private stream(id: string | null): FakeStream {
    if (id === null || id === "") throw new Refusal("idRequired");
    const found = this.streams.get(id);
    if (found === undefined) throw new Refusal("liveStreamNotFound");
    return found;
  }
}

function hasStatus(wanted: string, lifeCycle: string): boolean {
  if (wanted === "all") return true;
  if (wanted === "completed") return lifeCycle === "complete";
  if (wanted === "upcoming") return UPCOMING.has(lifeCycle);
  if (wanted === "active") return ACTIVE.has(lifeCycle);
  throw new Refusal("incompatibleParameters");
}

/** Arrays come repeated or with commas. */
const listOf = (query: URLSearchParams, name: string): string[] =>
  query.getAll(name).flatMap((value) => value.split(","));

const ids = (query: URLSearchParams): string[] => listOf(query, "id").slice(0, PAGE);

function partsOf(query: URLSearchParams): ReadonlySet<string> {
  const parts = listOf(query, "part").map((part) => part.trim());
  if (parts.length === 0) throw new Refusal("missingRequiredParameter");
  return new Set(parts);
}

function page<T>(all: readonly T[], query: URLSearchParams, show: (item: T) => object): object {
  const limit = Math.min(PAGE, Number(query.get("maxResults") ?? 5));
  const from = Number(query.get("pageToken") ?? 0);
  const items = all.slice(from, from + limit).map(show);
  const nextPageToken = from + limit < all.length ? { nextPageToken: String(from + limit) } : {};
  return { pageInfo: { totalResults: all.length, resultsPerPage: limit }, ...nextPageToken, items };
}
