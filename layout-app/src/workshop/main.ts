/** The workshop of whoever designs templates and themes; `wallflower design` serves it. */
import "../theme/fonts.css";
import "./workshop.css";
import { render } from "lit";
import { applyTheme, DEFAULT_THEME } from "../theme";
import { Page } from "./page";

const root = document.getElementById("page");
if (!root) throw new Error("The page has no place to draw into.");
applyTheme(document.documentElement, DEFAULT_THEME);

const page = new Page(() => render(page.draw(), root));
void page.start();
