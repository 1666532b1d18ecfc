import type { Background } from "../contract";
import { element } from "../overlays";

/** What the theme puts behind the tiles, over the background's colour. */
export function scenery(background: Background): HTMLElement {
  if ("gradient" in background) {
    const { from, to, angle } = background.gradient;
    const made = element("div", "scenery");
    made.style.backgroundImage = `linear-gradient(${angle}deg, ${from}, ${to})`;
    return made;
  }
  const { file, dim } = "image" in background ? background.image : background.video;
  const made = element("div", "scenery", "image" in background ? image(file) : video(file));
  const shade = element("div", "scenery__shade");
  shade.style.opacity = String(dim / 100);
  made.append(shade);
  return made;
}

/** What can't be drawn is left out: the background's colour is behind it. */
function image(file: string): HTMLElement {
  const made = element("img", "scenery__picture") as HTMLImageElement;
  made.onerror = () => made.remove();
  made.src = file;
  made.alt = "";
  return made;
}

function video(file: string): HTMLElement {
  const made = document.createElement("video");
  made.className = "scenery__picture";
  made.onerror = () => made.remove();
  made.muted = true;
  made.loop = true;
  made.autoplay = true;
  made.playsInline = true;
  made.src = file;
  return made;
}
