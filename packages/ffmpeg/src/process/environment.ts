/** What ffmpeg may know of the environment: where devices, drivers, displays and certificates are, and no secrets. */
const PASSED_ON = [
  ...["PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"],
  ...["DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "PULSE_SERVER", "ALSA_CONFIG_PATH"],
  ...["LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"],
  // Windows does not start a program without these.
  ...["SYSTEMROOT", "TEMP"],
];

/** The minimal environment of an ffmpeg, taken from the given one; its words are English, because they are parsed. */
export function childEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), LC_ALL: "C" };
}
