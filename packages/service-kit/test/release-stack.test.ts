import { expect, test } from "@jest/globals";
import { ReleaseStack } from "../src/index.js";

test("releases run last in, first out, one after the other", async () => {
  const order: string[] = [];
  const stack = new ReleaseStack();
  for (const name of ["first", "second", "third"])
    stack.add(name, async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
    });
  await stack.release();
  expect(order).toEqual(["third begins", "third ends", "second begins", "second ends", "first begins", "first ends"]);
});

test("a release that fails does not keep the others from running; the first error is thrown, named", async () => {
  const order: string[] = [];
  const stack = new ReleaseStack();
  stack.add("store", () => void order.push("store"));
  stack.add("bus", () => {
    throw new Error("connection lost");
  });
  stack.add("server", () => Promise.reject(new Error("port stuck")));
  await expect(stack.release()).rejects.toThrow("server did not stop: port stuck");
  expect(order).toEqual(["store"]);
});

test("a second call waits for the first and releases nothing twice", async () => {
  let releases = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stack = new ReleaseStack();
  stack.add("slow", async () => {
    releases += 1;
    await promise;
  });
  const both = [stack.release(), stack.release()];
  resolve();
  await Promise.all(both);
  expect(releases).toBe(1);
});
