import { randomBytes } from "node:crypto";
import { secret, waitFor } from "@stream-control/test-kit";
import { DEFAULT_WEBHOOKS, type WebhookSettings } from "../src/webhooks/settings.js";
import { House } from "./house.js";

/** Everything that takes hours takes milliseconds. */
export const QUICK: WebhookSettings = { ...DEFAULT_WEBHOOKS, retryBaseMs: 20, retryMaxMs: 200 };

/** A secret of a webhook that must show up nowhere. */
export const newSecret = () => secret("webhook-secret", `whsec_${randomBytes(32).toString("base64")}`);

/** A house whose webhooks are as impatient as these settings say. */
export const openHouse = (settings: Partial<WebhookSettings> = {}) =>
  House.open({ webhooks: { ...QUICK, ...settings } });

/** A new webhook. */
export async function hookOf(house: House, url: string, more: object = {}) {
  const { status, body, text } = await house.api("POST", "/v1/webhooks", { url, ...more });
  if (status !== 201) throw new Error(`The webhook was answered with ${status}: ${text}`);
  return body;
}

/** The deliveries of a webhook, the newest first, as soon as this holds of them. */
// biome-ignore lint/suspicious/noExplicitAny: records as the wire shows them.
export const deliveriesWhere = (house: House, id: string, holds: (items: any[]) => boolean) =>
  waitFor(async () => {
    const { items } = (await house.api("GET", `/v1/webhooks/${id}/deliveries`)).body;
    return holds(items) ? items : undefined;
  });
