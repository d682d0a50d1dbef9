import type { OAuthStatus } from "@stream-control/protocol";
import type { YouTube } from "../youtube.js";
import type { ConnectionView } from "./connection.js";
import { notConfigured } from "./refusals.js";

const NOT_CONFIGURED: OAuthStatus = {
  configured: false,
  connected: false,
  state: "not-configured",
  message: notConfigured().message,
  ...{ tokenSource: null, channel: null, connectedAt: null, problem: null, redirectUrl: null, quota: null },
};

/** How the connection to YouTube stands, in words. */
export function statusOf(youtube: YouTube | undefined): OAuthStatus {
  if (youtube === undefined) return NOT_CONFIGURED;
  const view = youtube.connection.view();
  return {
    configured: true,
    connected: view.state === "connected",
    ...view,
    message: sentenceOf(view),
    redirectUrl: youtube.settings.redirectUrl,
    quota: youtube.budget.view(),
  };
}

function sentenceOf({ state, tokenSource, channel, problem }: ConnectionView): string {
  const source = tokenSource === "environment" ? " by the token of YOUTUBE_REFRESH_TOKEN" : "";
  switch (state) {
    case "disconnected":
      return "No YouTube channel is connected; begin with GET /oauth/auth-url or run setup-youtube-oauth.";
    case "unverified":
      return `There is a token, but YouTube has not been reached with it yet; that is tried again by itself.`;
    case "connected":
      return channel === null
        ? `The account is connected${source}, but has no YouTube channel; make one, or connect another account.`
        : `The channel “${channel.title}” is connected${source}.`;
    case "reconnect":
      return problem?.message ?? "The channel has to be connected anew.";
  }
}
