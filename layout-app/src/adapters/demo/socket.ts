import type { DemoDown } from "../../contract/generated/DemoDown";
import type { DemoMedia } from "../../contract/generated/DemoMedia";
import type { DemoRole } from "../../contract/generated/DemoRole";
import type { DemoUp } from "../../contract/generated/DemoUp";

/** What a client says of itself when it joins. */
export interface DemoJoin {
  role: DemoRole;
  name: string;
  media: DemoMedia;
}

/** Why a socket is gone: `opened` tells whether the server was ever reached by it. */
export interface DemoSocketClose {
  opened: boolean;
}

/**
 * One WebSocket to the demo room, typed: the first message up is the join, and what comes down is `DemoDown`
 * (`orchestrator/domain/src/wire/demo_room.rs`). It does not come back by itself; whoever owns it opens another.
 */
export class DemoSocket {
  readonly #socket: WebSocket;
  #opened = false;
  #closed = false;

  constructor(
    url: string,
    join: () => DemoJoin,
    listener: { message(message: DemoDown): void; closed(close: DemoSocketClose): void },
  ) {
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => {
      this.#opened = true;
      this.send({ type: "join", ...join() });
    };
    this.#socket.onmessage = (event) => {
      if (!this.#closed) listener.message(JSON.parse(String(event.data)) as DemoDown);
    };
    // An error is always followed by a close, and only the close is told.
    this.#socket.onclose = () => {
      if (this.#closed) return;
      this.#closed = true;
      listener.closed({ opened: this.#opened });
    };
  }

  /** Dropped when the socket isn't open: what a lost connection misses is told anew by the next welcome. */
  send(message: DemoUp): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Closes without telling the listener. */
  close(): void {
    this.#closed = true;
    this.#socket.close();
  }
}
