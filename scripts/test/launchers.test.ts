import { describe, expect, test } from "@jest/globals";
import { launchersOf } from "../lib/launchers.mjs";

const chain = (...commands: string[]) =>
  commands.map((command, index) => ({ pid: index + 1, ppid: index + 2, pgid: 1, command }));

describe("the launchers of a command", () => {
  test("are npx, pnpm and the shells between them, but not the shell above", () => {
    expect(
      launchersOf(chain("pnpm start", "sh -c 'pnpm' start", "npm exec pnpm@12 start", "bash -c npx pnpm", "init"), 1),
    ).toEqual([1, 2, 3]);
    expect(launchersOf(chain("node /usr/lib/node_modules/pnpm/bin/pnpm.mjs start", "-bash"), 1)).toEqual([1]);
  });

  test("are none for a command that was started by hand or by a test", () => {
    expect(launchersOf(chain("-bash", "pnpm start"), 1)).toEqual([]);
    expect(launchersOf(chain("node /x/node_modules/.pnpm/jest/bin/jest.js", "pnpm test"), 1)).toEqual([]);
    expect(launchersOf([], 1)).toEqual([]);
  });
});
