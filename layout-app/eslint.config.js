import js from "@eslint/js";
import tseslint from "typescript-eslint";

const within = (files, group, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] },
});

export default tseslint.config(
  { ignores: ["dist", "shots", "src/contract/generated"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  within(["src/model/**", "src/stage/**"], ["livekit-client", "lit", "**/adapters/**", "**/view/**"], "model and stage are pure"),
  within(["src/view/**", "src/overlays/**", "src/theme/**"], ["livekit-client", "**/adapters/**"], "only adapters/ import an SDK"),
);
