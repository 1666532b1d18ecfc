import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** What a folder may not import, and why. A later entry replaces an earlier one for the same file. */
const within = (files, group, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] },
});

export default tseslint.config(
  { ignores: ["dist", "dist-egress", "shots", "src/contract/generated"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  within(["src/**"], ["livekit-client"], "only adapters/ and cast/ speak to an SDK"),
  within(
    ["src/model/**", "src/stage/**"],
    ["livekit-client", "lit", "**/adapters/**", "**/overlays/**", "**/view/**"],
    "model and stage are pure",
  ),
  within(
    ["src/view/**", "src/overlays/**", "src/theme/**"],
    ["livekit-client", "**/adapters", "**/adapters/**"],
    "a view knows the model, not where it comes from",
  ),
  within(["src/adapters/**"], ["**/view", "**/view/**", "**/overlays", "**/overlays/**"], "an adapter draws nothing"),
  { files: ["src/cast/**"], rules: { "no-restricted-imports": "off" } },
  {
    files: ["src/model/**", "src/stage/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        "window",
        "document",
        "performance",
        "Date",
        "setTimeout",
        "setInterval",
        "fetch",
      ],
    },
  },
  {
    files: ["src/**"],
    // The probe is a page of its own that stands outside all this.
    ignores: ["src/contract/**", "src/probe/**"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[property.name=/^__wallflower(Send)?$/]",
          message: "only contract/ touches the bridge",
        },
      ],
    },
  },
  {
    files: ["scripts/**"],
    languageOptions: {
      globals: Object.fromEntries(
        ["Buffer", "URL", "clearTimeout", "console", "process", "setTimeout"].map((name) => [name, "readonly"]),
      ),
    },
  },
);
