import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

test("every element is in the designers' document, and every element there is one", () => {
  const defined = [...read("./index.ts").matchAll(/^ {2}"(wf-[a-z-]+)": /gm)].map(([, name]) => name);
  const rows = [...read("../../../docs/templates.md").matchAll(/^\| (`<wf-.*?) \|/gm)].map(([, cell]) => cell ?? "");
  const documented = rows.flatMap((cell) => [...cell.matchAll(/<(wf-[a-z-]+)>/g)].map(([, name]) => name));
  expect(defined.length).toBeGreaterThan(10);
  expect([...documented].sort()).toEqual([...defined].sort());
});

test.each(["webinar", "podcast", "sports"])("the template %s uses no element that there is none of", (name) => {
  const html = read(`../../templates/${name}/index.html`);
  const used = new Set([...html.matchAll(/<(wf-[a-z-]+)/g)].map(([, element]) => element));
  for (const element of used) expect(read("./index.ts")).toContain(`"${element}": `);
});

test.each(["webinar", "podcast", "sports"])("the template %s asks nobody else for anything", (name) => {
  const files = ["index.html", "style.css"].map((file) => read(`../../templates/${name}/${file}`)).join("\n");
  expect(files).not.toMatch(/https?:\/\/|@import|url\(/);
});
