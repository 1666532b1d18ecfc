import "../theme/fonts.css";
import "./join.css";
import { render } from "lit";
import { applyTheme, DEFAULT_THEME } from "../theme";
import { isRoomName } from "./address";
import { Page } from "./page";

const root = document.getElementById("page");
if (!root) throw new Error("The page has no place to draw into.");
applyTheme(document.documentElement, DEFAULT_THEME);

const asked = new URLSearchParams(location.search).get("room");
const room = asked !== null && isRoomName(asked) ? asked : null;
const page = new Page(room, asked ?? "", () => render(page.draw(), root));
page.start();
