import type { Slate, StreamConfig } from "@stream-control/protocol";
import type { MediaFacts } from "../media-facts.js";
import { CLOCK_TEXT, filterText } from "./filter-text.js";
import { type ProgramInputs, silence } from "./input.js";
import { encodeArguments, programArguments } from "./program.js";

/** What a slate needs to know beside the job's config. */
export interface SlateOptions {
  videoEncoder: string;
  muted: boolean;
  /** Of a video slate's file. */
  facts?: MediaFacts;
}

/** Letters are about this much as wide as high; a line is as long as fits. */
const LETTER_WIDTH = 0.55;

/**
 * The arguments of what viewers see while there is nothing better: encoded with the settings of the job's program, without
 * an end, at the clock's speed.
 */
export function slateArguments(config: StreamConfig, slate: Slate, options: SlateOptions): string[] {
  const { durationSeconds: _, ...endless } = config;
  const encode = { ...options, lowLatency: true };
  switch (slate.kind) {
    case "video": {
      const source = { type: "file", path: slate.path, loop: true } as const;
      const facts = options.facts ?? { hasVideo: true, hasAudio: false };
      return programArguments({ ...endless, source }, { ...options, ...facts });
    }
    case "image":
      return encodeArguments(endless, withSilence(imageInput(config, slate.path), config), encode);
    case "color":
      return encodeArguments(endless, withSilence(colorInput(config, slate.color), config), encode);
    case "text":
      return encodeArguments(endless, withSilence(colorInput(config, slate.color), config), {
        ...encode,
        overlays: textOverlays(config, slate.text, slate.clock),
      });
  }
}

const colorInput = ({ video: { width, height, fps } }: StreamConfig, color: string) => [
  ...["-re", "-f", "lavfi", "-i", `color=c=0x${color.slice(1)}:s=${width}x${height}:r=${fps}`],
];

const imageInput = ({ video: { fps } }: StreamConfig, path: string) => [
  ...["-re", "-protocol_whitelist", "file", "-f", "image2", "-pattern_type", "none", "-loop", "1"],
  // Without a protocol's name in front, which this demuxer takes for a part of the file's name.
  ...["-framerate", String(fps), "-i", path],
];

const withSilence = (picture: string[], config: StreamConfig): ProgramInputs => ({
  arguments: [...picture, "-re", "-f", "lavfi", "-i", silence(config)],
  videoMap: "0:v:0",
  audioMap: "1:a:0",
  filled: false,
});

/** One filter for each line, because older versions can't centre several lines in one. */
function textOverlays({ video: { width, height } }: StreamConfig, text: string, clock: boolean): string[] {
  const size = Math.max(8, Math.round(height / 14));
  const lines = wrapText(text, Math.max(8, Math.floor((width * 0.9) / (size * LETTER_WIDTH))));
  const rows = lines.length + (clock ? 1.5 : 0);
  const style = (row: number) => {
    const offset = Math.round((row - rows / 2) * size * 1.4);
    return `fontcolor=white:fontsize=${size}:x=(w-text_w)/2:y=h/2${offset < 0 ? "" : "+"}${offset}`;
  };
  const overlays = lines.map((line, row) => `drawtext=expansion=none:text=${filterText(line)}:${style(row)}`);
  if (clock) overlays.push(`drawtext=text=${CLOCK_TEXT}:${style(lines.length + 0.5)}`);
  return overlays;
}

/** Breaks a text at blanks and control characters into lines that are not longer than wanted unless a word is. */
function wrapText(text: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/[\s\p{Cc}]+/u).filter((part) => part !== "")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
