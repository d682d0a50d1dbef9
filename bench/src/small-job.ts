/** A picture that costs little, so that what is measured is not the encoder. */
export const SMALL_VIDEO = { width: 320, height: 180, fps: 25, bitrateKbps: 300, preset: "ultrafast", gopSeconds: 1 };

/** @throws Error where the answer is no success. */
export async function post<T>(port: number, path: string, body?: object): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
