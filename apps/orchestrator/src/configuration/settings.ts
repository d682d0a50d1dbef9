import { isDeepStrictEqual } from "node:util";
import type { Configuration } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import { DEFAULT_VALUES, inForce, type Values } from "./catalogue.js";

/** Values of each layer that is above the defaults. */
export interface Layers {
  file: Values;
  runtime: Values;
  environment: Values;
}

export type SettingsListener = (now: Configuration, before: Configuration) => void;

const NOTHING: Values = new Map();

/**
 * The settings in force, for whoever acts by them: `settings.current.loadBalancing.strategy`. Read anew at each use, or follow
 * with {@link onChange}; a change through the interface or of the file counts from the next moment on.
 */
export class Settings {
  private layersNow: Layers;
  private now: Configuration;
  private readonly listeners = new Set<SettingsListener>();

  constructor(
    layers: Partial<Layers> = {},
    private readonly logger?: Logger,
  ) {
    this.layersNow = { file: NOTHING, runtime: NOTHING, environment: NOTHING, ...layers };
    this.now = merged(this.layersNow);
  }

  get current(): Configuration {
    return this.now;
  }

  get layers(): Readonly<Layers> {
    return this.layersNow;
  }

  /** Calls the listener after a change of any value in force. */
  onChange(listener: SettingsListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Puts other layers in force. */
  change(layers: Partial<Layers>): void {
    const before = this.now;
    this.layersNow = { ...this.layersNow, ...layers };
    this.now = merged(this.layersNow);
    if (isDeepStrictEqual(before, this.now)) return;
    for (const listener of this.listeners) {
      try {
        listener(this.now, before);
      } catch (thrown) {
        this.logger?.error({ err: toError(thrown) }, "a listener of the settings failed");
      }
    }
  }
}

const merged = ({ file, runtime, environment }: Layers): Configuration =>
  inForce([DEFAULT_VALUES, file, runtime, environment]);
