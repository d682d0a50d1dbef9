import { openBus } from "../dist/index.js";

/** Takes the lease `held` and says its fence: `node holder-main.mjs nats|redis URL`. */
const [kind, url] = process.argv.slice(2);
const bus = await openBus({ [kind === "nats" ? "natsUrl" : "redisUrl"]: url, prefix: process.env.PREFIX });
const lease = await bus.lease("held", { ttlMs: 1500 });
process.stdout.write(`${lease?.fence}\n`);
setInterval(() => undefined, 1000);
