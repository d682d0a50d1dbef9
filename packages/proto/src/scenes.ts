export { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
export * from "./generated/stream_control/scenes/v1/scenes_pb.js";
