import type { Slot } from "@stream-control/protocol";

/** All sound is mixed at this rate, which every format takes. */
export const RENDER_SAMPLE_RATE_HZ = 48_000;

const COMMON = `aformat=sample_rates=${RENDER_SAMPLE_RATE_HZ}:sample_fmts=fltp:channel_layouts=stereo`;

/** The sample at which a frame begins. */
export const sampleAt = (frame: number, fps: number): number => Math.round((frame * RENDER_SAMPLE_RATE_HZ) / fps);

/**
 * The chain of an element's sound, to the sample as long as its pictures, delayed to where it is on.
 *
 * @param input the label of its input, such as `[3:a:0]`.
 */
export function soundChain({ element, startFrame, frames, overlap, entry }: Slot, input: string, fps: number): string {
  if (element.type !== "video" && element.type !== "audio") throw new TypeError("This has no sound.");
  const delay = sampleAt(startFrame, fps);
  const samples = sampleAt(startFrame + frames, fps) - delay;
  // The same as in the picture: it comes in while its neighbour goes out.
  const goesOut = sampleAt(startFrame + frames + overlap, fps) - delay - samples;
  const comesIn = sampleAt(startFrame + entry, fps) - delay;
  const fades = element.effects.flatMap((effect) => {
    if (effect.type !== "fade_in" && effect.type !== "fade_out") return [];
    const length = Math.max(1, Math.min(samples, Math.round(effect.duration * RENDER_SAMPLE_RATE_HZ)));
    const start = effect.type === "fade_in" ? 0 : samples - length;
    return [`afade=t=${effect.type === "fade_in" ? "in" : "out"}:ss=${start}:ns=${length}`];
  });
  return [
    // Sound that begins later than its picture stays later.
    `${input}aresample=${RENDER_SAMPLE_RATE_HZ}:async=1:first_pts=0`,
    COMMON,
    `atrim=end_sample=${samples + goesOut}`,
    ...(element.volume === 1 ? [] : [`volume=${element.volume}`]),
    ...fades,
    ...(comesIn === 0 ? [] : [`afade=t=in:ss=0:ns=${comesIn}`]),
    ...(goesOut === 0 ? [] : [`afade=t=out:ss=${samples}:ns=${goesOut}`]),
    ...(delay === 0 ? [] : [`adelay=delays=${delay}S:all=1`]),
  ].join(",");
}

/** The chain that mixes sounds without making any of them softer, to the sample as long as the whole. */
export function mixChain(inputs: readonly string[], totalFrames: number, fps: number): string {
  const silence = `anullsrc=r=${RENDER_SAMPLE_RATE_HZ}:cl=stereo,${COMMON},atrim=end_sample=${sampleAt(totalFrames, fps)}[silence]`;
  return `${silence};[silence]${inputs.join("")}amix=inputs=${inputs.length + 1}:duration=first:normalize=0`;
}
