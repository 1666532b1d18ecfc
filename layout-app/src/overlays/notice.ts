import { element } from "./element";
import type { IconName } from "./icon";
import { icon } from "./icon";

/** What stands in the middle of the frame when there is nobody to show. */
export function notice(mark: IconName, headline: string, detail = ""): HTMLElement {
  const card = element("div", `notice notice--${mark}`, element("div", "notice__mark", icon(mark)));
  card.append(element("div", "notice__headline", headline));
  if (detail) card.append(element("div", "notice__detail", detail));
  return card;
}
