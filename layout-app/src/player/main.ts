import "../theme/fonts.css";
import "./player.css";
import { render } from "lit";
import { Link } from "./link";
import { Page } from "./page";

const root = document.getElementById("page");
if (!root) throw new Error("The page has no place to draw into.");

const page = new Page(new Link(location.pathname), () => render(page.draw(), root));
page.start();
