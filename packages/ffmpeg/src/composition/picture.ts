import {
  pixelsOf,
  type RenderElement,
  type RenderRequest,
  type Slot,
  type VisualEffect,
} from "@stream-control/protocol";
import { filterText } from "../arguments/filter-text.js";
import type { Window } from "./window.js";

/** An element that is seen. */
export type VisualElement = Exclude<RenderElement, { type: "audio" }>;
export const isVisual = (element: RenderElement): element is VisualElement => element.type !== "audio";

type Canvas = Pick<RenderRequest, "width" | "height">;

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Filters refuse pictures without extent. */
const LEAST_PIXELS = 2;

const boxOf = ({ x, y, width, height }: VisualElement, canvas: Canvas): Box => ({
  x: pixelsOf(x, canvas.width),
  y: pixelsOf(y, canvas.height),
  width: Math.max(LEAST_PIXELS, pixelsOf(width, canvas.width)),
  height: Math.max(LEAST_PIXELS, pixelsOf(height, canvas.height)),
});

const hex = (color: string) => `0x${color.slice(1)}`;

/** What one element's pictures are made from. */
export interface PictureSource {
  /** The label of its input, such as `[3:v:0]`; absent where it is made here. */
  input?: string | undefined;
  /** Frames of a video, at the rate of the result, that come before the first that is wanted. */
  lead?: number | undefined;
  /** Pictures of a video before this time of its input, in seconds, are none of its element. */
  notBefore?: number | undefined;
  /** Where the text of a text element is. */
  textFile?: string | undefined;
}

/**
 * The chain that makes the pictures of an element: in its box, with its effects, counted in frames from where it is on.
 * Its last picture stays for as long as the overlay asks for it.
 *
 * @param window which of its frames are wanted: each is what it would be if all were made.
 */
export function pictureChain(slot: Slot, from: PictureSource, canvas: Canvas, fps: number, window: Window): string {
  const { element, startFrame } = slot;
  if (!isVisual(element)) throw new TypeError("A sound has no picture.");
  const box = boxOf(element, canvas);
  const wipe = wipeFilters(slot, fps, window);
  const fades = fadeFilters(slot, fps, window);
  const isStill = element.type !== "video";
  const once = [`settb=1/${fps}`, `setpts=${window.from}`];
  const repeated = [`loop=loop=${window.count - 1}:size=1`, `settb=1/${fps}`, `setpts=N+${window.from}`];
  // A picture that stands still is made once; only one that changes is needed for each frame.
  const still = wipe.length + fades.length > 0 ? repeated : once;
  return [
    ...drawn(element, from, box, canvas, fps, window),
    "format=rgba",
    ...element.effects.flatMap((effect) => colorFilters(effect, canvas)),
    ...(isStill ? still : []),
    ...wipe,
    ...rotation(element.rotation),
    ...(element.opacity === 1 ? [] : [`colorchannelmixer=aa=${element.opacity}`]),
    ...fades,
    `setpts=PTS+${startFrame}`,
  ].join(",");
}

/** Where the overlay puts it, and in which frames it is seen. */
export function overlayFilter(slot: Slot, canvas: Canvas, fps: number): string {
  const { element, startFrame, frames, overlap } = slot;
  if (!isVisual(element)) throw new TypeError("A sound has no picture.");
  const box = boxOf(element, canvas);
  // Turned, a picture is larger than its box: its middle stays.
  const turned = element.rotation % 360 !== 0;
  const x = turned ? `${box.x + box.width / 2}-overlay_w/2` : `${box.x}`;
  const y = turned ? `${box.y + box.height / 2}-overlay_h/2` : `${box.y}`;
  // Half a frame beside the moments of frames, where nothing is to be rounded.
  const enable = `between(t\\,${(startFrame - 0.5) / fps}\\,${(startFrame + frames + overlap - 0.5) / fps})`;
  return `overlay=x=${placeOf(slot, "x", x, fps)}:y=${placeOf(slot, "y", y, fps)}:format=rgb:eof_action=repeat:enable=${enable}`;
}

function drawn(
  element: VisualElement,
  from: PictureSource,
  box: Box,
  canvas: Canvas,
  fps: number,
  window: Window,
): string[] {
  switch (element.type) {
    case "video": {
      const { lead = 0, notBefore } = from;
      return [
        `${from.input ?? ""}${notBefore === undefined ? "" : `trim=start=${notBefore},`}fps=${fps}:start_time=0`,
        // A source's first picture may be late, its rate may vary, and its last may be early: from here on there is one for each frame.
        "tpad=stop=-1:stop_mode=clone",
        `trim=start_frame=${lead}:end_frame=${lead + window.count}`,
        ...(window.from === lead ? [] : [`setpts=PTS+${window.from - lead}`]),
        ...fitted(element.fit_mode, box),
      ];
    }
    case "image":
      return [`${from.input ?? ""}trim=end_frame=1`, ...fitted(element.fit_mode, box)];
    case "shape": {
      const { width, height } = box;
      const rectangle = [
        `color=c=${hex(element.color)}:s=${width}x${height}:r=${fps}`,
        "trim=end_frame=1",
        "format=rgba",
      ];
      if (element.shape === "rectangle") return rectangle;
      const inside = `lte(pow((2*X+1-W)/W\\,2)+pow((2*Y+1-H)/H\\,2)\\,1)`;
      return [...rectangle, `geq=r=r(X\\,Y):g=g(X\\,Y):b=b(X\\,Y):a=255*${inside}`];
    }
    case "text": {
      const { width, height } = box;
      const size = Math.max(4, pixelsOf(element.font_size, canvas.height));
      const x = { left: "0", center: "(w-text_w)/2", right: "w-text_w" }[element.align];
      const y = { top: "0", middle: "(h-text_h)/2", bottom: "h-text_h" }[element.vertical_align];
      // Letters on what can be seen through, in their own colour, so that their edges have no other.
      const ground = `color=c=${hex(element.color)}@0:s=${width}x${height}:r=${fps}`;
      const file = filterText(from.textFile ?? "");
      const letters = `drawtext=expansion=none:textfile=${file}:fontsize=${size}:fontcolor=${hex(element.color)}:x=${x}:y=${y}`;
      return [`${ground},format=rgba`, "trim=end_frame=1", letters];
    }
  }
}

function fitted(mode: "auto" | "contain" | "cover" | "fill", { width, height }: Box): string[] {
  // Pixels of a source need not be square.
  const square = ["scale=w=max(1\\,trunc(iw*sar)):h=ih", "setsar=1"];
  const size = `w=${width}:h=${height}`;
  if (mode === "fill") return ["setsar=1", `scale=${size}`, "format=rgba"];
  if (mode === "cover")
    return [...square, `scale=${size}:force_original_aspect_ratio=increase`, `crop=${width}:${height}`, "format=rgba"];
  const inside = `scale=${size}:force_original_aspect_ratio=decrease`;
  return [...square, inside, "format=rgba", `pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2:color=black@0`];
}

function rotation(degrees: number): string[] {
  const turn = ((degrees % 360) + 360) % 360;
  if (turn === 0) return [];
  if (turn === 90) return ["transpose=clock"];
  if (turn === 180) return ["hflip", "vflip"];
  if (turn === 270) return ["transpose=cclock"];
  const angle = `${turn}*PI/180`;
  return [`rotate=a=${angle}:ow=rotw(${angle}):oh=roth(${angle}):c=black@0`];
}

/** What of a picture is seen already while it is wiped in; `p` goes from 0 to 1. */
const WIPES: Readonly<Record<string, (p: string) => string>> = {
  wipe_left: (p) => `gte(X\\,W*(1-${p}))`,
  wipe_right: (p) => `lt(X\\,W*${p})`,
  wipe_up: (p) => `gte(Y\\,H*(1-${p}))`,
  wipe_down: (p) => `lt(Y\\,H*${p})`,
};

/**
 * What wipes an element in over whatever lies beneath. It looks at every pixel of the frames that it changes; `xfade` would be
 * quicker, and waits for ever where a source ends before it.
 */
function wipeFilters({ element, entry }: Slot, fps: number, window: Window): string[] {
  const wipe = element.type === "audio" ? undefined : WIPES[element.transition?.type ?? ""];
  if (wipe === undefined || window.from >= entry) return [];
  const until = `enable=lt(t\\,${(entry - 0.5) / fps})`;
  const share = `(N+${window.from})/${entry}`;
  return [`geq=r=r(X\\,Y):g=g(X\\,Y):b=b(X\\,Y):a=alpha(X\\,Y)*${wipe(share)}:${until}`];
}

/** From where an element slides in: a side of the picture, beside which it cannot be seen. */
const SLIDES: Readonly<Record<string, { axis: "x" | "y"; from: string }>> = {
  slide_left: { axis: "x", from: "main_w" },
  slide_right: { axis: "x", from: "-overlay_w" },
  slide_up: { axis: "y", from: "main_h" },
  slide_down: { axis: "y", from: "-overlay_h" },
};

/** Where an element is along an axis, on its way in, too. */
function placeOf({ element, startFrame, entry }: Slot, axis: "x" | "y", at: string, fps: number): string {
  const slide = element.type === "audio" ? undefined : SLIDES[element.transition?.type ?? ""];
  if (slide?.axis !== axis) return at;
  const left = `clip(1-(t*${fps}-${startFrame})/${entry}\\,0\\,1)`;
  return `${at}+(${slide.from}-(${at}))*${left}`;
}

function colorFilters(effect: VisualEffect, canvas: Canvas): string[] {
  switch (effect.type) {
    case "blur":
      return effect.intensity === 0 ? [] : [`gblur=sigma=${(effect.intensity * canvas.height * 0.05).toFixed(3)}`];
    case "brightness":
      return [lut(`val+(${255 * effect.intensity})`)];
    case "contrast":
      return [lut(`(val-127.5)*${1 + effect.intensity}+127.5`)];
    case "saturation":
      return [saturation(1 + effect.intensity)];
    case "grayscale":
      return [saturation(0)];
    default:
      return [];
  }
}

const lut = (value: string) =>
  `lutrgb=r=clip(${value}\\,0\\,255):g=clip(${value}\\,0\\,255):b=clip(${value}\\,0\\,255)`;

/** Weights of the colours in what the eye sees as light (BT.709). */
const LIGHT = { r: 0.2126, g: 0.7152, b: 0.0722 } as const;
const COLORS = ["r", "g", "b"] as const;

function saturation(factor: number): string {
  const weights = COLORS.flatMap((out) =>
    COLORS.map((from) => `${out}${from}=${((1 - factor) * LIGHT[from] + (out === from ? factor : 0)).toFixed(6)}`),
  );
  return `colorchannelmixer=${weights.join(":")}`;
}

/** The fades of an element, the one by which it comes in included, that change any of the wanted frames. */
function fadeFilters({ element, entry, frames }: Slot, fps: number, window: Window): string[] {
  if (element.type === "audio") return [];
  const fade = (type: "in" | "out", wanted: number): string[] => {
    const length = Math.max(1, Math.min(frames, wanted));
    const start = type === "in" ? 0 : frames - length;
    const isOver = type === "in" ? window.from >= length : window.from + window.count <= start;
    // By time and not by frames counted, so that one can be begun in its middle.
    return isOver ? [] : [`fade=t=${type}:st=${(start / fps).toFixed(6)}:d=${(length / fps).toFixed(6)}:alpha=1`];
  };
  return [
    ...(element.transition?.type === "fade" ? fade("in", entry) : []),
    ...element.effects.flatMap((effect) => {
      if (effect.type === "fade_in") return fade("in", Math.round(effect.duration * fps));
      return effect.type === "fade_out" ? fade("out", Math.round(effect.duration * fps)) : [];
    }),
  ];
}
