import { join } from "node:path";
import { type MachineProbe, probeEncoders, readProbe } from "@stream-control/ffmpeg";
import { ConfigError, toError } from "@stream-control/service-kit";
import type { AgentConfig } from "./config.js";

const INSTALL: Partial<Record<NodeJS.Platform, string>> = {
  linux: "your system's packages, such as `apt-get install ffmpeg`",
  darwin: "`brew install ffmpeg`",
  win32: "`winget install ffmpeg`",
};

const cacheFileOf = ({ dataDir }: Pick<AgentConfig, "dataDir">) => join(dataDir, "ffmpeg-probe.json");

/** What the machine's ffmpeg could do when it was last tried, without running it; undefined at the first start. */
export async function rememberedMachine(config: Pick<AgentConfig, "dataDir">): Promise<MachineProbe | undefined> {
  const kept = await readProbe(cacheFileOf(config));
  return kept?.encoders.some(({ works }) => works) ? kept : undefined;
}

/**
 * What the machine's ffmpeg can do, tried once per ffmpeg and kept in the data folder.
 *
 * @throws ConfigError that says what to do where it cannot be run or has no H.264 encoder that works.
 */
export async function probeMachine(
  config: Pick<AgentConfig, "ffmpegPath" | "childEnv" | "dataDir">,
  platform: NodeJS.Platform,
): Promise<MachineProbe> {
  const { ffmpegPath, childEnv } = config;
  const install = `install it with ${INSTALL[platform] ?? "your system's packages"}, or set FFMPEG_PATH`;
  const cacheFile = cacheFileOf(config);
  const probe = await probeEncoders(ffmpegPath, { env: childEnv, cacheFile }).catch((thrown: unknown) => {
    const { message } = toError(thrown);
    throw new ConfigError(
      message.includes("ENOENT") ? `ffmpeg was not found: ${install}.` : `ffmpeg could not be run: ${message}`,
    );
  });
  if (!probe.encoders.some(({ works }) => works))
    throw new ConfigError(`No H.264 encoder of this ffmpeg works: ${install} to one that has libx264.`);
  return probe;
}
