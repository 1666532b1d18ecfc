/** The elements are defined when this is imported; what they stand on is exported, too. */
export * from "./dist/template.js";
