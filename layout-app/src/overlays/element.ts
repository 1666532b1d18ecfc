/** An element of a class, with what is in it. */
export function element(
  tag: "div" | "span" | "p" | "img" | "canvas",
  className: string,
  ...children: (Node | string)[]
): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}
