import type { ResultStore } from "./contract.js";
import { FolderResults } from "./folder-results.js";
import type { Results } from "./results.js";

/** Opens the store that a runner was told of. */
export const openResults = (store: ResultStore): Results => new FolderResults(store.root);
