import type { CastMember, CastSide } from "../contract/cast";
import { Picture } from "./picture";
import type { SentMedia } from "./seat";
import { Slides } from "./slides";
import type { Studio, Voice } from "./studio";

/** A canvas whose frames are sent when the loop says so, not when the browser paints. */
interface Camera {
  paint(time: number, level: number): void;
  track: MediaStreamTrack;
}

/** One synthetic participant: face, voice and, if it shares one, screen. */
export class Member {
  readonly #voice: Voice | null;
  readonly #camera: Camera | null;
  readonly #screen: Camera | null;
  readonly #side: CastSide | null;

  constructor(config: CastMember, studio: Studio) {
    this.#side = config.side;
    this.#voice = config.mic ? studio.voice(config.voice_hz, config.look, config.side) : null;
    this.#camera = config.camera
      ? filmed(new Picture(config.look, config.voice_hz, config.size.width, config.size.height))
      : null;
    this.#screen = config.screen ? filmed(new Slides()) : null;
  }

  get media(): SentMedia {
    return {
      mic: this.#voice?.track ?? null,
      stereo: this.#side !== null,
      camera: this.#camera?.track ?? null,
      screen: this.#screen?.track ?? null,
    };
  }

  /** The moment `time` seconds after the page started. */
  live(time: number, speaking: boolean): void {
    this.#voice?.speak(speaking);
    this.#camera?.paint(time, this.#voice?.level() ?? 0);
    this.#screen?.paint(time, 0);
  }
}

function filmed(drawing: { canvas: HTMLCanvasElement; paint(time: number, level: number): void }): Camera {
  const track = drawing.canvas.captureStream(0).getVideoTracks()[0] as CanvasCaptureMediaStreamTrack | undefined;
  if (!track) throw new Error("This browser can't capture a canvas.");
  return {
    track,
    paint: (time, level) => {
      drawing.paint(time, level);
      track.requestFrame();
    },
  };
}
