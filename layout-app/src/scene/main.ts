/**
 * The stage with a simulated room and no network, for screenshots and for whoever works on its looks:
 * `scene.html?people=9&layout=grid&share=1&off=2,5&names=hard&chat=3&reactions=4&title=…&logo=top-right`;
 * `restless` makes it move.
 */
import { NOTHING_CHANGED } from "../contract";
import { Session } from "../session";
import "../theme/fonts.css";
import "../overlays/overlays.css";
import "../view/view.css";
import { SceneRoom } from "./room";
import { readScript } from "./script";

const script = readScript(new URLSearchParams(location.search));
const root = document.getElementById("page") ?? document.body;
const say = (state: string) => {
  document.documentElement.dataset["scene"] = state;
};
void new Session(
  root,
  new SceneRoom(script),
  {
    ready: () => say("ready"),
    failed: (_, message) => say(`failed: ${message}`),
    ended: (reason) => say(`ended: ${reason}`),
    event: (event) => console.info("event", JSON.stringify(event)),
  },
  { ...NOTHING_CHANGED, theme: script.theme, layout: script.layout },
).start();
