import { posix } from "node:path";
import type { Issue, Source } from "@stream-control/protocol";

type Device = Extract<Source, { type: "device" }>;

/** A display of this machine: with a host's name in front X11 would be spoken to over the network. */
const LOCAL_DISPLAY = /^(?:unix)?:\d+(?:\.\d+)?(?:\+-?\d+,-?\d+)?$/;
/** ALSA's names may hold whole configurations, and two of its plug-ins write files. */
const ALSA_NAME = /^(?!(?:file|tee)\b)[\w.:,=-]+$/i;

/** Checks that the devices of a source are devices, and of this machine, since their names are small languages. */
export function checkDevices({ video, audio }: Device, field: string, issues: Issue[]): void {
  const complain = (part: string, message: string) => void issues.push({ path: `${field}.${part}.device`, message });
  if (video?.format === "x11grab" && !LOCAL_DISPLAY.test(video.device))
    complain("video", "must be a display of the agent's own machine, such as :0.0");
  if (video?.format === "v4l2" && !isDeviceFile(video.device))
    complain("video", "must be a device such as /dev/video0");
  if (audio?.format === "alsa" && !ALSA_NAME.test(audio.device))
    complain("audio", "must be the name of a sound card such as hw:0,0");
}

/** `/dev/shm` is a folder for anybody's files. */
const isDeviceFile = (path: string): boolean => {
  const plain = posix.normalize(path);
  return plain.startsWith("/dev/") && !plain.startsWith("/dev/shm/");
};
