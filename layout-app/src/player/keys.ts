import { RATES, type Media } from "./media";
import { lastBegun, type Cue } from "./vtt";

/**
 * What a key does: true when it did something.
 *
 * Space and k play and pause; arrows go five seconds back and ahead, j and l ten; up and down change the volume, m mutes; n and p go to
 * the next and the previous chapter; < and > change the speed; digits go to tenths of the whole; f fills the screen.
 */
export function keyed(event: KeyboardEvent, media: Media, chapters: readonly Cue[], whole: () => void): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  const at = event.target instanceof Element ? event.target : null;
  // What has keys of its own keeps them.
  const isOn = (selector: string) => at?.closest(selector) !== null && at !== null;
  const { video } = media;
  const time = video.currentTime;
  switch (event.key) {
    case " ":
      if (isOn("button, a, select, input")) return false;
      media.toggle();
      return true;
    case "k":
      media.toggle();
      return true;
    case "ArrowLeft":
    case "ArrowRight":
      if (isOn(".volume__level, select, [role=tab]")) return false;
      media.seek(time + (event.key === "ArrowLeft" ? -5 : 5));
      return true;
    case "ArrowUp":
    case "ArrowDown":
      if (isOn("select, input, .panel")) return false;
      media.louder(event.key === "ArrowUp" ? 0.1 : -0.1);
      return true;
    case "j":
    case "l":
      media.seek(time + (event.key === "j" ? -10 : 10));
      return true;
    case "m":
      video.muted = !video.muted;
      return true;
    case "f":
      whole();
      return true;
    case "n":
    case "p":
      return toChapter(media, chapters, event.key === "n");
    case "<":
    case ">": {
      const rates: readonly number[] = RATES;
      const next = rates[rates.indexOf(video.playbackRate) + (event.key === "<" ? -1 : 1)];
      if (next !== undefined) video.playbackRate = next;
      return true;
    }
    default:
      if (!/^[0-9]$/.test(event.key) || isOn("select")) return false;
      media.seek((Number(event.key) / 10) * media.duration);
      return true;
  }
}

/** Back is to the beginning of the chapter first, unless that was just now. */
function toChapter(media: Media, chapters: readonly Cue[], isAhead: boolean): boolean {
  const time = media.video.currentTime;
  const current = lastBegun(chapters, time);
  const from = chapters[current]?.from ?? 0;
  const chapter = chapters[isAhead ? current + 1 : time - from > 3 ? current : current - 1];
  if (!chapter) return false;
  media.seek(chapter.from);
  return true;
}
