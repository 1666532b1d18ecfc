// Whoever takes part keeps the score, by chat: `!score 2-1`. All else is HTML and CSS.
import { connect } from "/wallflower/template.js";

connect().on("chat", ({ text }) => {
  const score = /^!score (\d{1,3})[-:](\d{1,3})$/.exec(text.trim());
  if (!score) return;
  for (const [at, id] of [
    [1, "home"],
    [2, "guest"],
  ]) {
    const shown = document.getElementById(id);
    if (!shown || shown.textContent === score[at]) continue;
    shown.textContent = score[at];
    shown.animate([{ transform: "scale(1.6)" }, { transform: "none" }], { duration: 500, easing: "ease-out" });
  }
});
