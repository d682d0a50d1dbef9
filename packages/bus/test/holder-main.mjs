import { openMessages } from "../dist/open-messages.js";

/** Takes the lease `held` for 1.5 s at a time and says its fence: `node holder-main.mjs natsUrl|redisUrl URL`. */
const [setting, url] = process.argv.slice(2);
const { messages } = await openMessages({ [setting]: url, prefix: "test", name: "holder" });
const lease = await messages.lease("held", { ttlMs: 1500 });
process.stdout.write(`${lease?.fence}\n`);
setInterval(() => undefined, 1000);
