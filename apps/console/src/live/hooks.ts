import type { AgentRecord, JobEvent, JobRecord } from "@stream-control/protocol";
import { createContext, useContext, useEffect, useRef, useSyncExternalStore } from "react";
import type { LinkState } from "./link.js";
import type { RoomFeed } from "./room-feed.js";
import type { RoomState } from "./room-state.js";

export const FeedContext = createContext<RoomFeed | undefined>(undefined);

export function useFeed(): RoomFeed {
  const feed = useContext(FeedContext);
  if (feed === undefined) throw new Error("There is no feed around this component.");
  return feed;
}

/** A part of the room; the component is drawn again when that part is another one. */
export function useRoom<T>(part: (room: RoomState) => T): T {
  const feed = useFeed();
  return useSyncExternalStore(feed.watch, () => part(feed.room()));
}

/** A part of the room that stays as it was while nobody can see it. */
export function useRoomWhile<T>(visible: boolean, part: (room: RoomState) => T): T {
  const feed = useFeed();
  const last = useRef<{ value: T } | undefined>(undefined);
  return useSyncExternalStore(feed.watch, () => {
    if (visible || last.current === undefined) {
      const value = part(feed.room());
      if (last.current === undefined || last.current.value !== value) last.current = { value };
    }
    return last.current.value;
  });
}

/** A list made from the room; drawn again only when another entry is in it, or in another order. */
export function useRoomList<T>(part: (room: RoomState) => readonly T[]): readonly T[] {
  const feed = useFeed();
  const last = useRef<readonly T[]>([]);
  return useSyncExternalStore(feed.watch, () => {
    const list = part(feed.room());
    const before = last.current;
    const same = list.length === before.length && list.every((entry, index) => entry === before[index]);
    if (!same) last.current = list;
    return last.current;
  });
}

export const useJob = (id: string): JobRecord | undefined => useRoom(({ jobs }) => jobs.get(id));
export const useAgent = (id: string | null): AgentRecord | undefined =>
  useRoom(({ agents }) => (id === null ? undefined : agents.get(id)));
export const usePictureTime = (id: string): string | undefined => useRoom(({ pictures }) => pictures.get(id));

export function useLink(): LinkState {
  const feed = useFeed();
  return useSyncExternalStore(feed.watch, feed.link);
}

/** Hears every event of one job while the component is there. */
export function useJobEvents(jobId: string, onEvents: (events: readonly JobEvent[]) => void): void {
  const feed = useFeed();
  const newest = useRef(onEvents);
  useEffect(() => {
    newest.current = onEvents;
  });
  useEffect(
    () =>
      feed.listen((events) => {
        const own = events.filter((event) => event.jobId === jobId);
        if (own.length > 0) newest.current(own);
      }),
    [feed, jobId],
  );
}
