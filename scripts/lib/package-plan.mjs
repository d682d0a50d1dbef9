/**
 * @typedef {import("./requirements.mjs").Requirement} Requirement
 *
 * @typedef {object} Host What decides how something can be installed.
 * @property {NodeJS.Platform} platform
 * @property {boolean} isDebian Debian or one of its children, by os-release
 * @property {boolean} isRoot
 * @property {boolean} hasApt
 *
 * @typedef {{ kind: "ready" }
 *   | { kind: "install", packages: string[] }
 *   | { kind: "ask", sentence: string }} Plan
 */

/**
 * What to do about requirements that the machine does not meet: nothing, install Debian's packages, or ask a person.
 *
 * @param {readonly Requirement[]} missing
 * @param {Host} host
 * @returns {Plan}
 */
export function planPackages(missing, host) {
  if (missing.length === 0) return { kind: "ready" };
  const packages = [...new Set(missing.flatMap(({ debian }) => debian))];
  const debian = host.platform === "linux" && host.isDebian && host.hasApt;
  if (debian && host.isRoot) return { kind: "install", packages };
  const labels = missing.map(({ label }) => label).join(" and ");
  const how = debian ? [`sudo apt-get install -y ${packages.join(" ")}`] : missing.map((one) => howTo(one, host));
  return {
    kind: "ask",
    sentence: `Please install ${labels} first: ${[...new Set(how)].join("; ")}; then run this again.`,
  };
}

/**
 * @param {Requirement} requirement
 * @param {Host} host
 */
function howTo({ elsewhere, label }, { platform }) {
  const way =
    platform === "darwin" || platform === "win32" || platform === "linux" ? elsewhere[platform] : elsewhere.linux;
  return way ?? `see the documentation of your system for ${label}`;
}

/**
 * Whether `/etc/os-release` describes Debian or a system made from it.
 *
 * @param {string} osRelease the file's text
 * @see https://www.freedesktop.org/software/systemd/man/latest/os-release.html
 */
export function isDebianLike(osRelease) {
  return osRelease
    .split("\n")
    .flatMap((line) => /^ID(?:_LIKE)?=["']?([^"']*)["']?\s*$/.exec(line)?.[1]?.split(/\s+/) ?? [])
    .some((id) => id === "debian" || id === "ubuntu");
}
