import { defineConfig } from "tsup";

/**
 * The one bundling recipe of the workspace. Declarations come from `tsc` (TypeScript 7 has no compiler API for tsup's
 * own `dts`); `removeNodeProtocol: false` because tsup would turn `node:sqlite` into a package that does not exist.
 */
export const bundle = (entry: string[]) =>
  defineConfig({
    entry,
    format: ["esm"],
    target: "node24",
    dts: false,
    clean: true,
    sourcemap: true,
    removeNodeProtocol: false,
  });
