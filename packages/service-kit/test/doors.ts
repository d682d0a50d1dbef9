import express, { type Express } from "express";
import {
  ClientAddresses,
  DEFAULT_RATES,
  Door,
  type DoorOptions,
  errorHandler,
  guardApp,
  jsonBody,
  Origins,
  peerIdentity,
  type RequestRates,
  routeNotFound,
} from "../src/http/index.js";
import { silentLogger } from "../src/logger.js";

export interface OpenOptions extends Partial<Pick<DoorOptions, "tls" | "limits" | "handshakesPerMinute" | "logger">> {
  proxies?: string[];
  origins?: string[];
  rates?: RequestRates;
  keyOf?: (request: express.Request) => string | undefined;
}

/** A small service behind a real door: it tells who calls, and gives bodies and messages back. */
export async function openDoor(options: OpenOptions = {}) {
  const { proxies, origins: allowed, rates = DEFAULT_RATES, keyOf, logger = silentLogger(), ...rest } = options;
  const addresses = new ClientAddresses(proxies);
  const origins = new Origins(allowed);
  const app: Express = express();
  guardApp(app, { addresses, origins, rates, ...(keyOf === undefined ? {} : { keyOf }), uncounted: ["/healthz"] });
  app.get("/healthz", (_request, response) => void response.json({ ok: true }));
  app.get("/who", (request, response) => {
    const { ip, secure } = request;
    response.json({ address: addresses.of(request), ip, secure, peer: peerIdentity(request) });
  });
  app.post("/echo", jsonBody(), (request, response) => void response.json(request.body));
  app.use(routeNotFound);
  app.use(errorHandler(logger));
  const door = await Door.build({
    ...{ app, addresses, origins, logger, ...rest },
    sockets: {
      "/echo": {
        maxMessageBytes: 2000,
        maxBytesBeforeSettled: 500,
        receive:
          ({ settle }) =>
          (socket) => {
            // What ws says of an oversized frame is in its close code.
            socket.on("error", () => undefined);
            socket.on("message", (data) => {
              if (String(data) === "hello") settle();
              socket.send(String(data).slice(0, 10));
            });
          },
      },
    },
  });
  const port = await door.listen(0, "127.0.0.1");
  const scheme = rest.tls === undefined ? "http" : "https";
  return {
    door,
    port,
    url: `${scheme}://127.0.0.1:${port}`,
    socketUrl: `${scheme.replace("http", "ws")}://127.0.0.1:${port}/echo`,
    [Symbol.asyncDispose]: () => door.close(),
  };
}
