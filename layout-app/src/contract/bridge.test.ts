import { describe, expect, test } from "vitest";
import { Bridge } from "./bridge";

/** A window in which time passes when the test says so. */
function scope() {
  const sent: unknown[] = [];
  const listeners: Record<string, (event: never) => void> = {};
  let beat: () => void = () => undefined;
  return {
    sent,
    beat: () => beat(),
    throws: (message: string) => listeners["error"]?.({ message, error: new Error(message) } as never),
    rejects: (reason: unknown) => listeners["unhandledrejection"]?.({ reason } as never),
    __wallflowerSend: (text: string) => {
      sent.push(JSON.parse(text));
    },
    setInterval: (run: () => void) => {
      beat = run;
      return 1;
    },
    addEventListener: (type: string, listen: (event: never) => void) => {
      listeners[type] = listen;
    },
  };
}

describe("the bridge", () => {
  test("beats from the moment the page loads, counting up from 1", () => {
    const page = scope();
    new Bridge(page);
    page.beat();
    page.beat();
    expect(page.sent).toEqual([
      { type: "heartbeat", seq: 1 },
      { type: "heartbeat", seq: 2 },
    ]);
  });

  test("says ready once", () => {
    const page = scope();
    const bridge = new Bridge(page);
    bridge.ready();
    bridge.ready();
    expect(page.sent).toEqual([{ type: "ready" }]);
  });

  test("a script error before the start signal is a failure of the platform", () => {
    const page = scope();
    new Bridge(page);
    page.throws("x is not a function");
    expect(page.sent).toMatchObject([{ type: "failed", fault: "platform" }]);
    expect(JSON.stringify(page.sent)).toContain("x is not a function");
  });

  test("so is a rejection that nobody handles", () => {
    const page = scope();
    new Bridge(page);
    page.rejects("no such chunk");
    expect(page.sent).toMatchObject([{ type: "failed", fault: "platform" }]);
  });

  test("an error in a script of another origin, of which nothing is told, is no failure of ours", () => {
    const page = scope();
    new Bridge(page);
    page.throws("Script error.");
    expect(page.sent).toEqual([]);
    new Bridge(page, "template");
    page.throws("Script error.");
    expect(page.sent).toMatchObject([{ type: "failed", fault: "platform" }]);
  });

  test("a script error after the start signal does not end the recording", () => {
    const page = scope();
    new Bridge(page).ready();
    page.throws("late");
    expect(page.sent).toEqual([{ type: "ready" }]);
  });

  test("an observer that needs another turn is no error", () => {
    const page = scope();
    new Bridge(page);
    page.throws("ResizeObserver loop completed with undelivered notifications.");
    expect(page.sent).toEqual([]);
  });

  test("a room that ends before there was anything to record is a failure of the room", () => {
    const page = scope();
    new Bridge(page).ended("room_ended");
    expect(page.sent).toMatchObject([{ type: "failed", fault: "room" }]);
  });

  test("after the end nothing but heartbeats is sent", () => {
    const page = scope();
    const bridge = new Bridge(page);
    bridge.ready();
    bridge.ended("kicked");
    bridge.failed("room", "late");
    bridge.event({ kind: "reconnecting" });
    page.beat();
    expect(page.sent).toEqual([{ type: "ready" }, { type: "ended", reason: "kicked" }, { type: "heartbeat", seq: 1 }]);
  });

  test("half a surrogate pair does not reach the agent", () => {
    const page = scope();
    new Bridge(page).event({ kind: "chat", identity: null, name: "A", text: "cut \ud83d" });
    expect(page.sent).toEqual([
      { type: "event", event: { kind: "chat", identity: null, name: "A", text: "cut \ufffd" } },
    ]);
  });

  test("without an agent it is silent", () => {
    const { beat, ...page } = scope();
    const bridge = new Bridge({ ...page, __wallflowerSend: undefined } as never);
    bridge.ready();
    beat();
    expect(page.sent).toEqual([]);
  });
});
