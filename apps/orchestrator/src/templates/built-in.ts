import type { StreamConfigInput, TemplateRecord } from "@stream-control/protocol";

const SHIPPED_AT = "2026-11-20T00:00:00.000Z";

function template(
  id: string,
  name: string,
  description: string,
  config: Partial<StreamConfigInput>,
): Readonly<TemplateRecord> {
  return { id, name, description, config: { ...config }, builtIn: true, createdAt: SHIPPED_AT, updatedAt: SHIPPED_AT };
}

const HD = { width: 1280, height: 720, fps: 30, bitrateKbps: 3000 };
const FULL_HD = { width: 1920, height: 1080, fps: 30, bitrateKbps: 5000 };

/** Templates that come with the product. Those without a source take it from `configOverrides.source`. */
export const BUILT_IN_TEMPLATES: readonly Readonly<TemplateRecord>[] = [
  template(
    "stream-template-1",
    "Demo: test picture and tone, 720p",
    "A moving test picture with a tone, as a live preview to watch in the browser.",
    { source: { type: "test" }, video: HD },
  ),
  template(
    "test-pattern-1080p",
    "Test picture and tone, 1080p",
    "Colour bars with a tone at 1080p30: for checking a destination before the cameras are there.",
    { source: { type: "test", pattern: "smptehdbars", toneHz: 1000 }, video: FULL_HD },
  ),
  template(
    "live-720p",
    "Live source, 720p30",
    "Any live source, encoded at 720p30. Give the source in configOverrides.",
    {
      video: HD,
    },
  ),
  template(
    "live-1080p",
    "Live source, 1080p30",
    "Any live source, encoded at 1080p30. Give the source in configOverrides.",
    { video: FULL_HD },
  ),
];
