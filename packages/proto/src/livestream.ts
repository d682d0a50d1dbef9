export { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
export * from "./generated/livestream/orchestrator/v1/streams_pb.js";
