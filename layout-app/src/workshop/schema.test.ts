import { expect, test } from "vitest";
import type { Schema } from "./schema";
import { fieldsOf, valueAt, withValue } from "./schema";

const SCHEMA: Schema = {
  type: "object",
  properties: {
    $schema: { type: ["string", "null"] },
    title: { description: "Shown in a corner.", type: ["string", "null"] },
    colors: { $ref: "#/$defs/Colors" },
    logo: { anyOf: [{ $ref: "#/$defs/Logo" }, { type: "null" }] },
    gap: { type: "integer", minimum: 0, maximum: 48 },
    motion: { type: "boolean" },
    backdrop: {
      oneOf: [
        { type: "object", properties: { video: { $ref: "#/$defs/Scenery" } }, required: ["video"] },
        { type: "object", properties: { gradient: { $ref: "#/$defs/Gradient" } }, required: ["gradient"] },
      ],
    },
    anything: { oneOf: [{ type: "object" }, { type: "string" }] },
  },
  $defs: {
    Colors: { type: "object", properties: { text: { type: "string" } } },
    Logo: {
      type: "object",
      properties: { image: { type: "string" }, corner: { $ref: "#/$defs/Corner" } },
      required: ["image"],
    },
    Scenery: { type: "object", properties: { file: { type: "string" } }, required: ["file"] },
    Gradient: { type: "object", properties: { from: { $ref: "#/$defs/Css" } }, required: ["from"] },
    Css: { type: "string" },
    Corner: { oneOf: [{ const: "top-left" }, { const: "top-right" }] },
  },
};

test("each part of a schema has the field that fits it, and what none fits is JSON", () => {
  const fields = fieldsOf(SCHEMA);
  expect(fields.map(({ label, kind, nullable }) => [label, kind, nullable])).toEqual([
    ["Title", "text", true],
    ["Colors", "group", false],
    ["Logo", "group", true],
    ["Gap", "number", false],
    ["Motion", "switch", false],
    ["Backdrop", "variant", false],
    ["Anything", "json", false],
  ]);
  expect(fields[1]).toMatchObject({ fields: [{ kind: "color", path: ["colors", "text"] }] });
  expect(fields[2]).toMatchObject({
    start: { image: "" },
    fields: [
      { kind: "file", of: "image" },
      { kind: "choice", options: ["top-left", "top-right"] },
    ],
  });
  expect(fields[3]).toMatchObject({ min: 0, max: 48 });
  expect(fields[5]).toMatchObject({
    options: [
      {
        key: "video",
        start: { file: "" },
        fields: [{ kind: "file", of: "video", path: ["backdrop", "video", "file"] }],
      },
      { key: "gradient", fields: [{ kind: "color" }] },
    ],
  });
});

test("a value is set without touching what is beside it", () => {
  const theme = { colors: { text: "#fff", accent: "#0f0" }, title: "Hello" };
  const changed = withValue(theme, ["colors", "text"], "#000");
  expect(changed).toEqual({ colors: { text: "#000", accent: "#0f0" }, title: "Hello" });
  expect(theme.colors.text).toBe("#fff");
  expect(withValue({}, ["logo", "corner"], "top-left")).toEqual({ logo: { corner: "top-left" } });
  expect(valueAt(changed, ["colors", "accent"])).toBe("#0f0");
  expect(valueAt({ logo: null }, ["logo", "image"])).toBeUndefined();
});
