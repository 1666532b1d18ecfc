/**
 * The custom elements of templates: HTML and CSS are all that a template needs. Loading this script joins the room.
 *
 * ```html
 * <script type="module" src="/wallflower/elements.js"></script>
 * <wf-stage></wf-stage>
 * ```
 */
import { Chat, Hands } from "./lists";
import { Banner, Captions, Cards, LowerThird, Pinned, Reactions, Ticker } from "./over";
import { Stage } from "./stage";
import { Tile } from "./tile";
import { Clock, Count, Logo, Name, Title } from "./words";
import fonts from "../theme/fonts.css?inline";
import { connect } from "../template/connect";

export * from "../template";

const ELEMENTS = {
  "wf-stage": Stage,
  "wf-tile": Tile,
  "wf-name": Name,
  "wf-chat": Chat,
  "wf-reactions": Reactions,
  "wf-captions": Captions,
  "wf-pinned": Pinned,
  "wf-hands": Hands,
  "wf-clock": Clock,
  "wf-title": Title,
  "wf-logo": Logo,
  "wf-count": Count,
  "wf-lower-third": LowerThird,
  "wf-banner": Banner,
  "wf-ticker": Ticker,
  "wf-cards": Cards,
} as const;

const sheet = new CSSStyleSheet();
sheet.replaceSync(fonts);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
connect();
for (const [name, element] of Object.entries(ELEMENTS)) {
  if (!customElements.get(name)) customElements.define(name, element);
}
