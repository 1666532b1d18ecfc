/**
 * The probe page: media whose every frame and sample says where it belongs. Recordings of it are read back by the media probe
 * (`tests/src/media_probe`) and by `wallflower doctor`.
 *
 *     ?fps=30         the counter advances that many times a second (default 60: at every painted frame)
 *     ?mode=webrtc    picture and sound travel through a peer connection first, as in a meeting
 *     ?bustle         something in the picture never stands still
 *     ?behaviour= ?ends=   see signals.ts
 *
 * The counter counts animation frames, not time: a frame that the browser or the recorder loses is then a step too wide, one
 * that is recorded twice a step of zero, and neither can hide behind a clock. At 60 a recording at 30 fps steps by 2.
 *
 * Beep and flash belong to the same instant, as lips and voice do. The beep is set on the sample of the audio clock. The flash
 * goes into the animation frame whose presentation is nearest to the moment at which that sample leaves the speakers;
 * presentation is taken as one interval after the start of the frame, which is what the browser itself assumes when it picks
 * the frame of a <video>. So the page leaves no offset of its own but the rounding to frames, ± 8.3 ms, and what a recording
 * shows beyond it (plus its own rounding to frames) is the recorder's.
 */
import { Beeper, leavesSpeakersAt, rendersAt } from "./beeper";
import { loopback } from "./loopback";
import { bustle } from "./bustle";
import { CanvasPicture, PagePicture, type Picture } from "./picture";
import plan from "./plan";
import { Signals } from "./signals";

/** The rate at which browsers paint without a display of their own. */
const PAINTS_PER_SECOND = 60;
const INTERVAL_MS = 1000 / PAINTS_PER_SECOND;

async function main(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const signals = new Signals(query);
  const fps = Number(query.get("fps") ?? PAINTS_PER_SECOND);
  if (!(fps > 0 && fps <= PAINTS_PER_SECOND)) throw new Error(`fps must lie between 1 and ${PAINTS_PER_SECOND}.`);
  signals.loaded();

  document.body.style.cssText = "margin: 0; background: black; overflow: hidden";
  const mode = query.get("mode");
  // What is sent is timed by a clock of its own: two streams of one page to the same sound server disturb each other's.
  const silent = { sampleRate: 48000, sinkId: { type: "none" } } as AudioContextOptions;
  const audio = new AudioContext({ latencyHint: "interactive", ...(mode === "webrtc" ? silent : {}) });
  await Promise.all([audio.resume(), document.fonts.ready]);
  if (mode === "webrtc") {
    const picture = new CanvasPicture(640, 360);
    const sink = audio.createMediaStreamDestination();
    murmur(audio).connect(sink);
    run(picture, new Beeper(audio, sink), fps, (time) => rendersAt(audio, time) + INTERVAL_MS);
    const tracks = [...picture.canvas.captureStream(30).getTracks(), ...sink.stream.getTracks()];
    await play(await loopback(tracks));
  } else {
    const leavesAt = (time: number) => leavesSpeakersAt(audio, time);
    if (query.has("bustle")) bustle(document.body);
    run(new PagePicture(document.body), new Beeper(audio, audio.destination), fps, leavesAt);
  }
  requestAnimationFrame(() => signals.ready());
}

/** Paints and schedules for as long as the page lives. */
function run(picture: Picture, beeper: Beeper, fps: number, leavesAt: (contextTime: number) => number): void {
  let frames = 0;
  let dark = 0;
  const paint = (start: number) => {
    beeper.schedule();
    if (beeper.beatAt(start + INTERVAL_MS, INTERVAL_MS, leavesAt)) dark = start + plan.flash.seconds * 1000;
    picture.show(Math.floor((frames * fps) / PAINTS_PER_SECOND), start < dark - INTERVAL_MS / 2);
    frames += 1;
    requestAnimationFrame(paint);
  };
  requestAnimationFrame(paint);
}

/**
 * Noise at -50 dB. A receiver's jitter buffer shortens and stretches silence as it likes, and beeps between silences with it;
 * a room with a person in it is never silent.
 */
function murmur(audio: AudioContext): AudioNode {
  const noise = audio.createBuffer(1, audio.sampleRate, audio.sampleRate);
  const samples = noise.getChannelData(0);
  samples.forEach((_, i) => (samples[i] = (Math.random() - 0.5) * 0.01));
  const source = audio.createBufferSource();
  source.buffer = noise;
  source.loop = true;
  source.start();
  return source;
}

async function play(stream: MediaStream): Promise<void> {
  const video = document.createElement("video");
  video.style.cssText = "position: absolute; width: 100vw; height: 100vh; object-fit: fill";
  video.srcObject = stream;
  document.body.append(video);
  await video.play();
}

await main();
