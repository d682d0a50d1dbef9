import { useSyncExternalStore } from "react";

/** One timer for every component that shows a length of time. */
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let nowMs = Date.now();

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    nowMs = Date.now();
    for (const each of watchers) each();
  }, 1000);
  return () => {
    watchers.delete(watcher);
    if (watchers.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

const unwatched = () => () => {};

/** The time of now, in milliseconds; the component is drawn again every second, as long as it runs. */
export const useNow = (runs = true): number => useSyncExternalStore(runs ? watch : unwatched, () => nowMs);
