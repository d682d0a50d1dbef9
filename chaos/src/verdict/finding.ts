/** Something that must not be. */
export interface Finding {
  kind: "lost" | "doubled" | "stuck";
  /** The job, or what else it is about: things are counted, not sentences. */
  about: string;
  what: string;
}
