import { expect, test } from "vitest";
import { explain } from "./trouble";

test.each([
  ["NotAllowedError", "allow it in the address bar"],
  ["NotFoundError", "No camera was found"],
  ["NotReadableError", "in use by another program"],
  ["OverconstrainedError", "try another one"],
  ["InsecureContext", "by https"],
  ["SomethingNew", "SomethingNew"],
])("%s is explained in one sentence that says what to do", (error, part) => {
  const sentence = explain("camera", error);
  expect(sentence).toContain(part);
  expect(sentence).toMatch(/camera.*\.$/);
});

test("who closes the browser's choice of screens needs no explanation", () => {
  expect(explain("screen", "NotAllowedError")).toBeNull();
});
