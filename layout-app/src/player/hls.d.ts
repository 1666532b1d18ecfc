/** The package has no types for its smaller build, whose API is a part of the whole one's. */
declare module "hls.js/light" {
  export { default } from "hls.js";
}
