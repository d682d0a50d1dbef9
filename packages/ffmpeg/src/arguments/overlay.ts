import type { Overlay, StreamConfig } from "@stream-control/protocol";
import { CLOCK_TEXT, filterText } from "./filter-text.js";

/** An overlay, and where the texts of its lines are: files that may be replaced, but never be missing. */
export interface OverlayFiles {
  overlay: Overlay;
  textFileOf: (lineId: string) => string;
}

const hex = (color: string) => `0x${color.slice(1)}`;

/**
 * The filters that draw an overlay over the picture in its final size. Texts come from files that are read again with each
 * picture, and are drawn letter by letter: nothing that stands in them means anything to ffmpeg.
 *
 * @returns a chain that may be put between two others, separated by commas.
 */
export function overlayChain({ overlay, textFileOf }: OverlayFiles, { height }: StreamConfig["video"]): string[] {
  const lines = overlay.lines.map(({ id, kind, xPercent, yPercent, heightPercent, color, box, boxOpacity }) => {
    const size = Math.max(6, Math.round((height * heightPercent) / 100));
    const border = Math.round(size / 4);
    const place = (room: string, text: string, percent: number) =>
      `${border}+(${room}-${text}-${2 * border})*${percent / 100}`;
    const options = [
      kind === "clock" ? `text=${CLOCK_TEXT}` : `expansion=none:textfile=${filterText(textFileOf(id))}:reload=1`,
      `fontsize=${size}:fontcolor=${hex(color)}`,
      `x=${place("w", "text_w", xPercent)}:y=${place("h", "text_h", yPercent)}`,
      ...(box === null ? [] : [`box=1:boxcolor=${hex(box)}@${boxOpacity}:boxborderw=${border}`]),
    ];
    return `drawtext=${options.join(":")}`;
  });
  return [...lines, ...logoFilters(overlay.logo, height)];
}

function logoFilters(logo: Overlay["logo"], height: number): string[] {
  if (logo === undefined) return [];
  const size = Math.max(2, Math.round((height * logo.heightPercent) / 100));
  const place = (room: string, image: string, percent: number) => `(${room}-${image})*${percent / 100}`;
  // Read as PNG and as nothing else: a playlist under that name would lead elsewhere.
  const image = `movie=filename=${filterText(logo.path)}:f=png_pipe,scale=-1:${size},format=rgba`;
  const over = `overlay=x=${place("W", "w", logo.xPercent)}:y=${place("H", "h", logo.yPercent)}`;
  return [`null[under];${image}[logo];[under][logo]${over}`];
}
