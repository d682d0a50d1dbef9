import { StoreError } from "@stream-control/store";
import type { ErrorRequestHandler } from "express";
import { AppError } from "../errors.js";

/** A database that cannot be written is no mistake of the caller's: nothing was accepted, and trying again may help. */
export const storeErrors: ErrorRequestHandler = (thrown, _request, _response, next) => {
  next(thrown instanceof StoreError ? new AppError("STORE_UNAVAILABLE", thrown.message, { cause: thrown }) : thrown);
};
