import { createServer } from "node:net";

/**
 * Makes sure that a TCP port can be listened on.
 *
 * @param {number} port
 * @throws {Error} with one sentence that says what to do
 */
export async function assertPortFree(port) {
  const server = createServer();
  try {
    await new Promise((resolve, reject) => {
      server.once("error", reject).listen({ port, exclusive: true }, () => resolve(undefined));
    });
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === "EADDRINUSE")
      throw new Error(
        `Port ${port} is in use: stop what listens there, or set PORT to another one (PORT=${port === 65_535 ? 8080 : port + 1} npx --yes pnpm@12 start).`,
      );
    if (code === "EACCES")
      throw new Error(`Port ${port} may not be used by this user: set PORT to a number above 1023.`);
    throw error;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
