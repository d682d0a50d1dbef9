export { encoderArguments, gopFrames } from "./arguments/encoder.js";
export { isLiveSource, isRealtime, openArguments } from "./arguments/input.js";
export type { OverlayFiles } from "./arguments/overlay.js";
export { MAIN_VOLUME, type ProgramOptions, programArguments } from "./arguments/program.js";
export { fileFormatOf, rtmpAddress, senderArguments } from "./arguments/sender.js";
export { slateArguments } from "./arguments/slate.js";
export { LEVEL_INTERVAL_MS, viewerArguments } from "./arguments/viewer.js";
export {
  addressOn,
  addressParts,
  gatewayWay,
  isListening,
  pinnedWay,
  relayedWay,
  type Way,
} from "./arguments/way.js";
export * from "./composition/composition.js";
export { type Cut, cutArguments } from "./composition/cut.js";
export { IMAGE_HEAD_BYTES, imageDemuxer } from "./composition/image-format.js";
export { type Joining, joinArguments, joinList } from "./composition/join.js";
export { canSeek, type FrameRange } from "./composition/window.js";
export * from "./errors.js";
export * from "./jpeg-splitter.js";
export * from "./media-facts.js";
export { probeStreamHeaders } from "./probe/headers.js";
export * from "./probe/machine.js";
export { probeResult, type ResultFacts } from "./probe/result.js";
export * from "./probe/source.js";
export * from "./process/bounded-log.js";
export { FilterCommandError } from "./process/command-channel.js";
export { type Concealed, concealArguments } from "./process/conceal.js";
export * from "./process/environment.js";
export * from "./process/ffmpeg-process.js";
export * from "./process/stall-timer.js";
export * from "./progress.js";
export * from "./redact.js";
export * from "./ts/aligner.js";
export * from "./ts/feed.js";
export * from "./ts/join-point.js";
export * from "./ts/packet.js";
export * from "./ts/relay.js";
export * from "./ts/sink.js";
export * from "./ts/splicer.js";
export * from "./ts/switcher.js";
export * from "./ts/unit-reader.js";
