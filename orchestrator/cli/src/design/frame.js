// In the workshop's frame, and only there: the configuration waits in the frame's name, and what the page says goes to the workshop.
(() => {
  if (self.__wallflower !== undefined || parent === self) return;
  let left;
  try {
    left = JSON.parse(name);
  } catch {
    return;
  }
  if (left?.wallflower !== "workshop") return;
  const director = left.config.room.director;
  const tell = (message) => parent.postMessage(message, director);
  self.__wallflower = left.config;
  self.__wallflowerSend = (text) => tell({ type: "wallflower.said", text: String(text) });
  addEventListener("message", ({ source, origin, data }) => {
    if (source !== parent || origin !== director || data?.type !== "wallflower.look") return;
    if (typeof self.__wallflowerLook === "function") self.__wallflowerLook(data.look);
    else tell({ type: "wallflower.deaf" });
  });
  const trouble = (text) => tell({ type: "wallflower.trouble", text: String(text).slice(0, 400) });
  addEventListener("error", (event) => {
    const of = event.target;
    if (of !== self && of instanceof Element) trouble(`can't be loaded: ${of.src || of.href || of.localName}`);
    else trouble(`${event.message} (${event.filename.split("/").pop()}:${event.lineno})`);
  }, true);
  addEventListener("unhandledrejection", (event) => trouble(event.reason?.message ?? event.reason));
  const say = console.error;
  console.error = (...words) => {
    trouble(words.map(String).join(" "));
    say.apply(console, words);
  };
})();
