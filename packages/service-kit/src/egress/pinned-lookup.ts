import type { LookupFunction } from "node:net";

/** Gives a socket the addresses that were checked instead of looking the name up again. */
export function pinnedLookup(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  return (_, options, callback) => {
    const [first] = all;
    if (first === undefined) callback(new Error("There is no address."), "", 0);
    else if (options.all === true) callback(null, all);
    else callback(null, first.address, first.family);
  };
}
