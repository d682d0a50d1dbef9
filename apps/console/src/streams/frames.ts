type FrameCallback = (nowMs: number) => void;

const callbacks = new Set<FrameCallback>();
let running = false;

function run(nowMs: number): void {
  for (const callback of callbacks) callback(nowMs);
  running = callbacks.size > 0;
  if (running) requestAnimationFrame(run);
}

/** Calls back in every frame of the page, in one loop for all. @returns the way to stop it. */
export function everyFrame(callback: FrameCallback): () => void {
  callbacks.add(callback);
  if (!running) {
    running = true;
    requestAnimationFrame(run);
  }
  return () => callbacks.delete(callback);
}
