import { JSON_SHAPE, type JsonShape, jsonShapeProblem } from "@stream-control/protocol";
import express, { type RequestHandler } from "express";

export interface JsonBodyOptions {
  /** Largest body after unpacking; a larger one gets 413. */
  maxBytes?: number;
  shape?: JsonShape;
}

const MAX_BODY_BYTES = 1024 * 1024;

/** What is thrown here becomes its answer in errors.ts, by its type. */
class BodyProblem extends Error {
  constructor(
    readonly type: "json.shape.refused" | "charset.unsupported",
    message: string,
  ) {
    super(message);
  }
}

/**
 * Reads JSON bodies. A packed body is unpacked no further than to the limit, so that a small one cannot become a large
 * one; nesting and the number of values are bounded before anything is built out of the text.
 */
export function jsonBody({ maxBytes = MAX_BODY_BYTES, shape = JSON_SHAPE }: JsonBodyOptions = {}): RequestHandler {
  return express.json({
    limit: maxBytes,
    verify: (_request, _response, body, encoding) => {
      // JSON between systems is UTF-8 (RFC 8259 §8.1); in any other encoding, bytes could pass for brackets and quotes.
      if (encoding !== "utf-8") throw new BodyProblem("charset.unsupported", "JSON is UTF-8.");
      const problem = jsonShapeProblem(body, shape);
      if (problem !== undefined) throw new BodyProblem("json.shape.refused", problem);
    },
  });
}
