export { KeyRing, SealError, sealedBy } from "./key-ring.js";
export {
  type KeySettings,
  loadKeyRing,
  OWN_KEY_FILE,
  ownKeyRing,
  requireOneSource,
  secretsVariables,
} from "./load-keys.js";
export { generateKey, parseKeys } from "./parse-keys.js";
