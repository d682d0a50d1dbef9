export { FakeAccounts } from "./accounts.js";
export type { YouTubeReason } from "./errors.js";
export { FakeYouTube, type SeenCall } from "./fake-youtube.js";
export type { Fault } from "./faults.js";
export { CHANNEL, type ConfigurationIssue, type FakeBroadcast, type FakeStream } from "./resources.js";
