import { describe, expect, test } from "@jest/globals";
import { type Host, isDebianLike, planPackages } from "../lib/package-plan.mjs";
import { ffmpeg, findCommand, findFfmpeg, pythonClient } from "../lib/requirements.mjs";

const rootOnDebian: Host = { platform: "linux", isDebian: true, isRoot: true, hasApt: true };

describe("what to do about missing system packages", () => {
  test("nothing, where nothing is missing", () => {
    expect(planPackages([], rootOnDebian)).toEqual({ kind: "ready" });
  });

  test("root on Debian installs each package once", () => {
    expect(planPackages([ffmpeg, ffmpeg, pythonClient], rootOnDebian)).toEqual({
      kind: "install",
      packages: ["ffmpeg", "python3", "python3-requests", "python3-websocket"],
    });
  });

  test("an ordinary user on Debian is told the command", () => {
    expect(planPackages([ffmpeg, pythonClient], { ...rootOnDebian, isRoot: false })).toEqual({
      kind: "ask",
      sentence:
        "Please install ffmpeg with ffprobe (version 5 or newer) and " +
        "Python 3 at /usr/bin/python3 with requests and websocket-client first: " +
        "sudo apt-get install -y ffmpeg python3 python3-requests python3-websocket; then run this again.",
    });
  });

  test.each([
    ["darwin", "brew install ffmpeg"],
    ["win32", "winget install Gyan.FFmpeg"],
    ["linux", "dnf install ffmpeg-free"],
    ["freebsd", "take ffmpeg from your distribution"],
  ] as const)("%s gets its own command", (platform, command) => {
    const plan = planPackages([ffmpeg], { platform, isDebian: false, isRoot: true, hasApt: false });
    expect(plan).toEqual({ kind: "ask", sentence: expect.stringContaining(command) });
  });

  test("several requirements that share one way name it once", () => {
    const plan = planPackages([pythonClient, pythonClient], {
      platform: "darwin",
      isDebian: false,
      isRoot: false,
      hasApt: false,
    });
    const sentence = plan.kind === "ask" ? plan.sentence : "";
    expect(sentence.match(/docker run/g)).toHaveLength(1);
  });
});

describe("os-release", () => {
  test.each([
    ['ID=debian\nVERSION_ID="12"\n', true],
    ["NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n", true],
    ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', true],
    ['ID="fedora"\n', false],
    ["ID=arch\nHOME_URL=https://debian.example/\n", false],
    ["", false],
  ])("%j is Debian's family: %j", (text, expected) => {
    expect(isDebianLike(text)).toBe(expected);
  });
});

describe("looking for commands", () => {
  test("goes by the PATH that is given", () => {
    expect(findCommand("sh", { env: { PATH: "/nowhere:/bin" } })).toBe("/bin/sh");
    expect(findCommand("sh", { env: { PATH: "" } })).toBeUndefined();
  });

  test("a set ffmpeg wins over the PATH, and brings no ffprobe that is not there", () => {
    expect(findFfmpeg({ PATH: "", FFMPEG_PATH: "/opt/ffmpeg" })).toEqual({ ffmpeg: "/opt/ffmpeg", ffprobe: undefined });
    expect(findFfmpeg({ PATH: "", FFMPEG_PATH: "/opt/ffmpeg", FFPROBE_PATH: "/opt/ffprobe" })).toEqual({
      ffmpeg: "/opt/ffmpeg",
      ffprobe: "/opt/ffprobe",
    });
  });
});
