/**
 * The stage with a simulated room and no network, for screenshots and for whoever works on its looks:
 * `scene.html?people=9&layout=grid&share=1&off=2,5&names=hard&chat=3&reactions=4&title=…&logo=top-right`;
 * `restless` makes it move, and `sound` has whoever speaks be heard.
 */
import { NOTHING_CHANGED } from "../contract";
import { Session } from "../session";
import "../theme/fonts.css";
import "../overlays/overlays.css";
import "../view/view.css";
import { readQuery } from "./query";
import { SimulatedRoom } from "./room";

const shown = readQuery(new URLSearchParams(location.search));
const root = document.getElementById("page") ?? document.body;
const say = (state: string) => {
  document.documentElement.dataset["scene"] = state;
};
void new Session(
  root,
  new SimulatedRoom(shown.scene),
  {
    ready: () => say("ready"),
    failed: (_, message) => say(`failed: ${message}`),
    ended: (reason) => say(`ended: ${reason}`),
    event: (event) => console.info("event", JSON.stringify(event)),
    warning: (message) => console.warn(message),
  },
  { ...NOTHING_CHANGED, theme: shown.theme, layout: shown.layout },
).start();
