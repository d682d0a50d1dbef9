import { mkdir, symlink, writeFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { RawClient, secret, temporaryFolder } from "@stream-control/test-kit";
import { House } from "./house.js";

/** Asked byte by byte as it stands there: a client of its own would tidy the path up. */
async function ask(port: number, path: string) {
  await using client = await RawClient.open(port);
  client.send(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  const status = await client.status();
  await client.closed;
  return { path, status, text: client.received };
}

test("nothing outside the media folder is served: by dots in any spelling, by a link, by another kind of file", async () => {
  await using outer = await temporaryFolder();
  await using house = await House.open({ mediaDir: outer.file("media") });
  const hidden = secret("outside");
  await mkdir(outer.file("media/show"), { recursive: true });
  await mkdir(outer.file("beside"));
  const files = {
    "media/show/index.m3u8": "#EXTM3U",
    "media/show/notes.txt": hidden,
    "media/show/.key.ts": hidden,
    "beside/clip.ts": hidden,
    "clip.ts": hidden,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(outer.file(name), text);
  await symlink(outer.file("clip.ts"), outer.file("media/show/link.ts"));
  await symlink(outer.file("beside"), outer.file("media/away"));
  await symlink(outer.file("media/show"), outer.file("media/again"));

  for (const path of ["/media/show/index.m3u8", "/media/again/index.m3u8"])
    expect(await ask(house.port, path)).toMatchObject({ path, status: 200 });
  const dots = ["..", "%2e%2e", ".%2E", "%252e%252e", "..%00", "..;", "....", "%c0%ae%c0%ae"];
  const slashes = ["/", "%2f", "\\", "%5c", "//"];
  const paths = dots.flatMap((dot) =>
    slashes.flatMap((slash) => [
      `/media/${dot}${slash}clip.ts`,
      `/media/show/${dot}${slash}${dot}${slash}clip.ts`,
      `/media/${dot}${slash}beside${slash}clip.ts`,
    ]),
  );
  const others = ["link.ts", "notes.txt", ".key.ts", "index.m3u8%00", "%"].map((name) => `/media/show/${name}`);
  for (const path of [...paths, ...others, "/media/away/clip.ts", outer.file("clip.ts")]) {
    const { status, text } = await ask(house.port, path);
    expect([path, status >= 400 && status < 500, text.includes(hidden)]).toEqual([path, true, false]);
  }
});
