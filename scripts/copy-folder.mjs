import { cpSync, existsSync, rmSync } from "node:fs";

/** Puts a fresh copy of a folder in a place, such as the console's build into that of the service that serves it. */
const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined || !existsSync(from)) throw new Error(`There is no folder ${from} to copy.`);
rmSync(to, { recursive: true, force: true });
cpSync(from, to, { recursive: true });
