/** One name of a key: nothing hidden, nothing that leads elsewhere, nothing that means something to a store. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * A key of those names: `job/render.mp4`.
 *
 * @throws RangeError for a name that may not be part of one.
 */
export function resultKey(...names: string[]): string {
  const parts = names.flatMap((name) => name.split("/"));
  if (parts.length === 0 || parts.length > 8 || !parts.every((name) => NAME.test(name)))
    throw new RangeError("The key of a result has a name that it may not have.");
  return parts.join("/");
}
