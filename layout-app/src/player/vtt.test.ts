import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lastBegun, parseVtt, type Cue } from "./vtt";

describe("chat and chapters", () => {
  test("are read as the agent writes them", () => {
    const file =
      "WEBVTT\n\n00:00:03.250 --> 00:00:12.250\n<v Ada &amp; Bo>hello\n\n01:01:01.500 --> 01:01:40.000\n50% &lt;b&gt; --&gt; c\nd\n";
    expect(parseVtt(file)).toEqual([
      { from: 3.25, to: 12.25, voice: "Ada & Bo", text: "hello" },
      { from: 3661.5, to: 3700, voice: "", text: "50% <b> --> c\nd" },
    ]);
  });

  test("are empty for whatever is no WebVTT", () => {
    for (const file of ["", "WEBVTT", "<html></html>", "WEBVTT\n\nx --> y\nz", "\n\n-->\n\n"])
      expect(parseVtt(file)).toEqual([]);
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseVtt(text))));
  });

  test("are found by the time that they have begun at", () => {
    const times = fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 20 }).map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(times, fc.integer({ min: -5, max: 105 }), (begun, now) => {
        const cues: Cue[] = begun.map((from) => ({ from, to: from + 1, voice: "", text: "" }));
        expect(lastBegun(cues, now)).toBe(begun.filter((from) => from <= now).length - 1);
      }),
    );
  });
});
