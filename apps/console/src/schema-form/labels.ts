/** What a field is called where its name does not say it well. */
const NAMES: Record<string, string> = {
  url: "Address",
  id: "Name",
  type: "Kind",
  streamKey: "Stream key",
  fps: "Frames a second",
  gopSeconds: "Keyframe every (s)",
  listen: "Wait for the sender to connect",
  loop: "Again and again",
  toneHz: "Test tone (Hz)",
  xPercent: "From the left (%)",
  yPercent: "From the top (%)",
  cpuPercent: "Processor, of one core (%)",
};

/** Units that a name ends with. */
const UNITS: readonly (readonly [RegExp, string])[] = [
  [/Ms$/, "ms"],
  [/Seconds$/, "s"],
  [/Kbps$/, "kbit/s"],
  [/Hz$/, "Hz"],
  [/MiB$/, "MiB"],
  [/Percent$/, "%"],
];

/** What a choice is called where its name on the wire does not say it well. */
const OPTIONS: Record<string, string> = {
  rtmp: "RTMP or RTMPS",
  srt: "SRT",
  rtsp: "RTSP",
  http: "HTTP or HLS address",
  hls: "HLS folder",
  file: "File",
  test: "Test picture",
  device: "Capture device",
  color: "Colour",
  image: "Image",
  video: "Video",
  text: "Text",
};

/** A choice's name for a person. */
export const optionName = (option: string | number): string => OPTIONS[option] ?? String(option);

/** What somebody types and nobody beside them should read. */
export const isSecretName = (name: string): boolean => /key|passphrase|password|token/i.test(name);

/** A field's name for a person: `returnAfterMs` becomes `Return after (ms)`. */
export function labelOf(name: string): string {
  const known = NAMES[name];
  if (known !== undefined) return known;
  const unit = UNITS.find(([end]) => end.test(name));
  const bare = unit === undefined ? name : name.replace(unit[0], "");
  const words = bare.replace(/([a-z\d])([A-Z])/g, "$1 $2").toLowerCase();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${unit === undefined ? "" : ` (${unit[1]})`}`;
}
