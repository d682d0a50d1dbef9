/** A player that is bound to a video element. */
export interface Player {
  stop: () => void;
}

/** What a player tells of itself. */
export interface PlayerEvents {
  onEnd: (why: string) => void;
}

/** How far behind the live edge playback may fall before it is sped up, in seconds. */
const LATENCY = { liveBufferLatencyMaxLatency: 1.5, liveBufferLatencyMinRemain: 0.3 };

/** Plays the outgoing MPEG-TS as it is relayed over a WebSocket, about a second behind. */
export async function playRelay(video: HTMLVideoElement, address: string, events: PlayerEvents): Promise<Player> {
  const { default: mpegts } = await import("mpegts.js");
  mpegts.LoggingControl.enableAll = false;
  const player = mpegts.createPlayer(
    { type: "mpegts", isLive: true, url: address },
    {
      enableStashBuffer: false,
      liveBufferLatencyChasing: true,
      ...LATENCY,
      autoCleanupSourceBuffer: true,
      // A worker would be made from a blob of the whole library.
      enableWorker: false,
    },
  );
  player.on(mpegts.Events.ERROR, (_type: unknown, detail: unknown) => events.onEnd(String(detail)));
  player.on(mpegts.Events.LOADING_COMPLETE, () => events.onEnd("the stream ended"));
  player.attachMediaElement(video);
  player.load();
  return { stop: () => player.destroy() };
}

/** Plays an HLS preview out of the media folder. */
export async function playHls(video: HTMLVideoElement, address: string, events: PlayerEvents): Promise<Player> {
  const { default: Hls } = await import("hls.js/light");
  if (!Hls.isSupported()) {
    video.src = address;
    return { stop: () => video.removeAttribute("src") };
  }
  const player = new Hls({ liveSyncDurationCount: 2 });
  player.on(Hls.Events.ERROR, (_event, { fatal, details }) => {
    if (fatal) events.onEnd(details);
  });
  player.loadSource(address);
  player.attachMedia(video);
  return { stop: () => player.destroy() };
}
