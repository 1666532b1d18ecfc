import type { LowerThird, Theme } from "../contract";
import type { Programme } from "../model";
import type { Bands } from "../overlays";
import {
  bandsOf,
  BannerOverlay,
  brand,
  CardOverlay,
  ClockOverlay,
  LowerThirdOverlay,
  TickerOverlay,
  watermark,
} from "../overlays";
import type { Rect, Size } from "../stage";

/** What the theme puts around and over the tiles, whoever is in the room. */
export class Trim {
  readonly #clock: ClockOverlay | null;
  readonly #banner = new BannerOverlay();
  #third: LowerThirdOverlay | null = null;
  #thirdText = "";
  readonly #ticker: TickerOverlay | null;
  readonly #intro: CardOverlay | null;
  readonly #outro: CardOverlay | null;
  #size: Size = { width: 0, height: 0 };
  #fitted: HTMLElement[] = [];

  constructor(
    private readonly frame: HTMLElement,
    private readonly theme: Theme,
  ) {
    const { clock, ticker, intro, outro } = theme.overlays;
    this.#clock = clock === "off" ? null : new ClockOverlay(clock);
    this.#ticker = ticker && new TickerOverlay(ticker);
    this.#intro = intro && new CardOverlay(intro, theme);
    this.#outro = outro && new CardOverlay(outro, theme);
    for (const overlay of [this.#banner, this.#ticker, this.#intro, this.#outro]) {
      if (overlay) frame.append(overlay.element);
    }
  }

  /** What is asked for while recording: the lower third that is shown when it is time, and a banner. */
  dress(third: LowerThird | null, banner: string | null): void {
    this.#banner.write(banner);
    const text = JSON.stringify(third);
    if (text === this.#thirdText) return;
    this.#thirdText = text;
    this.#third?.element.remove();
    this.#third = third && new LowerThirdOverlay(third);
    if (this.#third) this.frame.append(this.#third.element);
  }

  /** Takes away all that it has drawn. */
  close(): void {
    const drawn = [this.#banner, this.#third, this.#ticker, this.#intro, this.#outro];
    for (const overlay of drawn) overlay?.element.remove();
    for (const element of this.#fitted) element.remove();
  }

  /** What it keeps free of tiles in a frame of this size. */
  bands(viewport: Size): Bands {
    return bandsOf(this.theme, viewport);
  }

  show(programme: Programme, focus: Rect, viewport: Size, moves: boolean): void {
    const bands = this.bands(viewport);
    this.#fit(bands, viewport);
    const scale = Math.min(viewport.width, viewport.height) / 720;
    this.#ticker?.show(bands.ticker, scale, moves);
    this.#banner.show(focus);
    this.#third?.show(programme.lowerThird, focus, viewport);
    this.#intro?.show(programme.intro);
  }

  /** The page is ready: from here time is counted. */
  begin(since: number): void {
    this.#clock?.begin(since);
  }

  /** The room is over: what covers it from now on. */
  end(): void {
    this.#outro?.show(true);
  }

  /** What is sized for the frame is made again with it. */
  #fit(bands: Bands, viewport: Size): void {
    if (viewport.width === this.#size.width && viewport.height === this.#size.height) return;
    this.#size = viewport;
    this.frame.style.setProperty("--ticker", `${bands.ticker}px`);
    this.frame.style.setProperty("--ceiling", `${bands.top}px`);
    this.frame.style.setProperty("--floor", `${bands.bottom}px`);
    for (const element of this.#fitted) element.remove();
    const mark = this.theme.overlays.watermark;
    this.#fitted = [];
    const { title, logo } = this.theme;
    if (title || logo || this.#clock) this.#fitted.push(brand(this.theme, bands, this.#clock?.element ?? null));
    if (mark) this.#fitted.push(watermark(mark, bands, viewport));
    this.frame.append(...this.#fitted);
  }
}
