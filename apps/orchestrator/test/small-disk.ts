/** Runs a command with a small file system of its own on the folder; nobody else sees it, and it goes with the command. */
export const onSmallDisk = (folder: string, mib: number): string[] => {
  // Who is not root may mount where it is root of a user namespace of its own.
  const unshare = process.getuid?.() === 0 ? ["unshare", "-m"] : ["unshare", "-rm"];
  return [...unshare, "sh", "-c", `mount -t tmpfs -o size=${mib}m none "$0" && exec "$@"`, folder];
};
