import { expect, test } from "vitest";
import { Seal } from "./seal";

test("without a key, whoever encrypts is sealed at once, and others are not", () => {
  const seal = new Seal(false);
  expect(seal.reason("ann", "Ann", true)).toContain(
    "Ann sends what is encrypted from end to end, and no key was given",
  );
  expect(seal.reason("bob", "", true)).toContain("bob sends");
  expect(seal.reason("cem", "Cem", false)).toBeNull();
});

test("with a key that fails again and again it is another key, and not before", () => {
  const seal = new Seal(true);
  const fail = (message: string) => seal.failed("ann", message);
  expect(seal.doubts("ann")).toBe(false);
  fail("InvalidKey: Decryption failed: the tag does not match");
  fail("MissingKey: missing key at index 3");
  fail("InternalError: no active decrypt transform");
  expect(seal.reason("ann", "Ann", true)).toBeNull();
  expect(seal.doubts("ann")).toBe(true);
  fail("InvalidKey: Decryption failed: the tag does not match");
  expect(seal.doubts("ann")).toBe(false);
  expect(seal.reason("ann", "Ann", true)).toContain(
    "by another key than the one that was given: check --e2ee-key-file",
  );
  expect(seal.reason("bob", "Bob", true)).toBeNull();
  seal.forget("ann");
  expect(seal.reason("ann", "Ann", true)).toBeNull();
});
