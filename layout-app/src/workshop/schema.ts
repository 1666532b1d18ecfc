/** The parts of JSON Schema in which a theme is described. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

export type Path = readonly string[];

interface Common {
  readonly path: Path;
  readonly label: string;
  /** What it is for, in a sentence. */
  readonly hint: string;
  readonly nullable: boolean;
}

/** What the editor draws for a part of the theme. */
export type Field = Common &
  (
    | { readonly kind: "color" | "text" | "switch" | "json" }
    | { readonly kind: "file"; readonly of: "image" | "video" }
    | { readonly kind: "number"; readonly min: number; readonly max: number }
    | { readonly kind: "choice"; readonly options: readonly string[] }
    /** An object with exactly one of these keys. */
    | { readonly kind: "variant"; readonly options: readonly Option[] }
    | { readonly kind: "group"; readonly fields: readonly Field[]; readonly start: Readonly<Record<string, unknown>> }
  );

/** A form that a value can have: an object with this key alone. */
export interface Option {
  readonly key: string;
  readonly fields: readonly Field[];
  readonly start: Readonly<Record<string, unknown>>;
}

/** Fields of a theme's schema, in its order. What the editor has no field for is edited as JSON. */
export function fieldsOf(root: Schema): Field[] {
  return propertiesOf(root, root, []);
}

function propertiesOf(schema: Schema, root: Schema, path: Path): Field[] {
  // `$schema` is for editors of text.
  const shown = Object.entries(schema.properties ?? {}).filter(([key]) => !key.startsWith("$"));
  return shown.map(([key, property]) => fieldOf(property, root, [...path, key]));
}

function fieldOf(property: Schema, root: Schema, path: Path): Field {
  const { schema, nullable, name } = resolve(property, root);
  const key = path.at(-1) ?? "";
  // What Rust's documentation links to means nothing here.
  const hint = (property.description ?? schema.description ?? "").replace(/;? at most \[[^\]]*\]\.?/gi, "");
  const common = { path, label: labelOf(key), hint, nullable };
  const options = optionsOf(schema);
  if (options) return { ...common, kind: "choice", options };
  const variants = variantsOf(schema, root, path);
  if (variants) return { ...common, kind: "variant", options: variants };
  if (schema.properties) {
    return { ...common, kind: "group", fields: propertiesOf(schema, root, path), start: startOf(schema, root) };
  }
  switch (typeOf(schema)) {
    case "boolean":
      return { ...common, kind: "switch" };
    case "integer":
    case "number":
      return { ...common, kind: "number", min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 600, 600) };
    case "string":
      return { ...common, ...(name === "Css" ? { kind: "color" } : textKind(schema, path)) };
    default:
      return { ...common, kind: "json" };
  }
}

type TextKind = { readonly kind: "color" | "text" } | { readonly kind: "file"; readonly of: "image" | "video" };

function textKind(schema: Schema, path: Path): TextKind {
  const key = path.at(-1) ?? "";
  if (schema.format === "color" || path.at(-2) === "colors" || path.at(-2) === "gradient") return { kind: "color" };
  if (key === "image" || key === "file") return { kind: "file", of: path.includes("video") ? "video" : "image" };
  return { kind: "text" };
}

function variantsOf({ oneOf }: Schema, root: Schema, path: Path): Option[] | null {
  const options = oneOf?.map(({ properties, required }): Option | null => {
    const [key, another] = Object.keys(properties ?? {});
    if (key === undefined || another !== undefined || !required?.includes(key)) return null;
    const { schema } = resolve(properties?.[key] ?? {}, root);
    return { key, fields: propertiesOf(schema, root, [...path, key]), start: startOf(schema, root) };
  });
  return options?.every((option) => option !== null) ? options : null;
}

/** Follows references, and takes the one schema out of those that may be null. */
function resolve(property: Schema, root: Schema): { schema: Schema; nullable: boolean; name: string | undefined } {
  const choices = property.anyOf ?? [];
  const real = choices.filter(({ type }) => type !== "null");
  const only = real.length === 1 ? real[0] : undefined;
  const chosen = only ?? property;
  const types = Array.isArray(chosen.type) ? (chosen.type as readonly string[]) : [];
  const nullable = real.length < choices.length || types.includes("null");
  const name = chosen.$ref?.split("/").at(-1);
  const schema = name === undefined ? chosen : (root.$defs?.[name] ?? {});
  return { schema, nullable, name };
}

function typeOf({ type }: Schema): string | undefined {
  return typeof type === "string" ? type : type?.find((each) => each !== "null");
}

function optionsOf({ enum: values, oneOf }: Schema): readonly string[] | null {
  const all = values ?? oneOf?.map((each) => each.const);
  return all?.every((value) => typeof value === "string") ? all : null;
}

/** What an object begins with that is switched on: what it must have, and nothing more. */
function startOf(schema: Schema, root: Schema): Record<string, unknown> {
  const wanted = (schema.required ?? []).map((key) => {
    const field = resolve(schema.properties?.[key] ?? {}, root).schema;
    const type = typeOf(field);
    const value =
      field.default ??
      optionsOf(field)?.[0] ??
      (type === "string" ? (STARTS[key] ?? "") : type === "boolean" ? false : 0);
    return [key, value] as const;
  });
  return Object.fromEntries(wanted);
}

const STARTS: Readonly<Record<string, string>> = {
  headline: "Your headline",
  text: "What runs along the lower edge",
  from: "#1a1033",
  to: "#0e1116",
};

function labelOf(key: string): string {
  const words = key.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What is at a path of nested objects. */
export function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[key] : undefined),
    value,
  );
}

/** The same with another value there. */
export function withValue(value: unknown, path: Path, there: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return there;
  const object = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  return { ...object, [key]: withValue(object[key], rest, there) };
}
