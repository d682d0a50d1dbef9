// Follows a socket of the orchestrator that sends one whole state at once and on every change. It comes back by itself,
// with growing, jittered pauses, also where the line died without a word: the orchestrator says something now and then.
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const SILENCE_MS = 90_000;

/**
 * @param address resolves with the socket's address, anew for each try: a ticket counts once.
 * @param onMessage is given each message.
 * @param onState is told `true` when it is connected and `false` when it is not.
 */
export function follow(address, onMessage, onState) {
  let tries = 0;
  let silence;

  async function connect() {
    let socket;
    try {
      socket = new WebSocket(await address());
    } catch {
      again();
      return;
    }
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => socket.close(), SILENCE_MS);
    };
    socket.addEventListener("open", () => {
      tries = 0;
      heard();
      onState(true);
    });
    socket.addEventListener("message", ({ data }) => {
      heard();
      onMessage(JSON.parse(data));
    });
    socket.addEventListener("close", again);
  }

  function again() {
    clearTimeout(silence);
    onState(false);
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries);
    tries += 1;
    setTimeout(connect, pause / 2 + (Math.random() * pause) / 2);
  }

  void connect();
}

/** The address of a socket here. */
export const socketOn = (path) => `${location.origin.replace(/^http/, "ws")}${path}`;
