export { REDACTED, redactAddress } from "./address.js";
export { maskSecrets, redactValue, secretsOf } from "./mask.js";
export { isSecretName } from "./names.js";
export { createRedactor, type Redactor, redactText } from "./redactor.js";
