/** Lets others have their turn between two statements: each holds the event loop for some milliseconds. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
