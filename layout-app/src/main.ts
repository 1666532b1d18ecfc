/** The page that is recorded. The bridge comes first, so that whatever fails after it is told. */
import { openRoom } from "./adapters";
import type { BridgeScope } from "./contract";
import { Bridge, takeConfig } from "./contract";
import { notice } from "./overlays";
import { Session } from "./session";
import { applyTheme, DEFAULT_THEME } from "./theme";
import "./theme/fonts.css";
import "./overlays/overlays.css";
import "./view/view.css";

const bridge = new Bridge(window as unknown as BridgeScope);
const root = document.getElementById("page") ?? document.body;
bridge.onFailed = (message) => root.replaceChildren(notice("alert", "This room can't be shown", message));

const taken = takeConfig(window as unknown as Record<string, unknown>, location.search, {
  width: innerWidth,
  height: innerHeight,
});
bridge.signalsByConsole = taken.origin === "query";

if (taken.ok) {
  const { room, ...look } = taken.config;
  if (room) {
    void openRoom(room).then((opened) => {
      const session = new Session(root, opened, bridge, look);
      bridge.onLook((changed) => session.look(changed));
      return session.start();
    });
  }
} else {
  applyTheme(document.documentElement, DEFAULT_THEME);
  bridge.failed(taken.fault, taken.message);
}
