import fc from "fast-check";

const short = fc.integer({ min: 0, max: 40 }).map((value) => value / 37);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const length = fc.oneof(
  fc.integer({ min: -40, max: 120 }),
  fc.integer({ min: -50, max: 200 }).map((value) => `${value / 2}%`),
);
const fades = fc.record({
  type: fc.constantFrom("fade_in" as const, "fade_out" as const),
  duration: fc.constantFrom(0.01, 0.2, 9),
});
const effects = fc.array(
  fc.oneof(
    fades,
    fc.record({ type: fc.constant("blur" as const), intensity: fc.constantFrom(0, 0.3, 1) }),
    fc.record({
      type: fc.constantFrom("brightness" as const, "contrast" as const, "saturation" as const),
      intensity: fc.constantFrom(-1, -0.3, 0, 0.7, 1),
    }),
    fc.record({ type: fc.constant("grayscale" as const) }),
  ),
  { maxLength: 3 },
);
const timing = { time: maybe(short), duration: maybe(short), track: fc.integer({ min: 0, max: 3 }) };
const placing = {
  ...{ x: length, y: length, width: length, height: length, effects },
  opacity: fc.constantFrom(0, 0.4, 1),
  rotation: fc.constantFrom(0, 90, -180, 270, 33.3, -400),
  transition: maybe(
    fc.record({
      type: fc.constantFrom("fade" as const, "wipe_left" as const, "wipe_down" as const, "slide_up" as const),
      duration: fc.constantFrom(0.01, 0.3, 5),
    }),
  ),
};
const trim = fc.record({ start: short, duration: maybe(short) });
const fit = fc.constantFrom("auto" as const, "contain" as const, "cover" as const, "fill" as const);
const volume = fc.constantFrom(0, 0.5, 1, 10);
const element = fc.oneof(
  fc.record({
    type: fc.constant("video" as const),
    source: fc.constant("clip.mp4"),
    ...timing,
    ...placing,
    trim: maybe(trim),
    fit_mode: fit,
    volume,
  }),
  fc.record({
    type: fc.constant("image" as const),
    source: fc.constant("odd.png"),
    ...timing,
    ...placing,
    fit_mode: fit,
  }),
  fc.record({
    type: fc.constant("audio" as const),
    source: fc.constant("tone.wav"),
    ...timing,
    trim: maybe(trim),
    volume,
    effects: fc.array(fades, { maxLength: 2 }),
  }),
  fc.record({
    type: fc.constant("text" as const),
    text: fc.string({ minLength: 1, maxLength: 20 }),
    font_size: length,
    ...timing,
    ...placing,
  }),
  fc.record({
    type: fc.constant("shape" as const),
    shape: fc.constantFrom("rectangle" as const, "ellipse" as const),
    ...timing,
    ...placing,
  }),
);
/** Any request that may be tried; its sources are called `clip.mp4`, `odd.png` and `tone.wav`. */
export const anyRequest = fc.record({
  width: fc.integer({ min: 8, max: 40 }).map((value) => value * 2),
  height: fc.integer({ min: 8, max: 30 }).map((value) => value * 2),
  fps: fc.constantFrom(10, 20, 25),
  output_format: fc.constantFrom("mp4" as const, "mov" as const, "avi" as const, "webm" as const, "gif" as const),
  duration: maybe(fc.constantFrom(0.05, 0.4, 1)),
  elements: fc.array(element, { minLength: 1, maxLength: 4 }),
});
