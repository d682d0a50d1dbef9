/** Entries by which the log tells of what was done to itself. A check of the log relies on them, so they keep their names. */

/** `throughSeq`: up to this entry the log may have been deleted. */
export const PRUNED = "audit.pruned";
/** `origins`: of so many origins the personal data has been erased. */
export const ERASED = "audit.erased";
/** Somebody took a copy. */
export const EXPORTED = "audit.exported";

/** What those entries are about. */
export const LOG_SUBJECT = "log:events";
