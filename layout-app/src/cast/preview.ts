import { Picture } from "./picture";

/** Shows faces and sends nothing: `cast.html?preview&people=9&from=1&size=640x360&hz=200`. Without `hz` low and high voices alternate. */
export function preview(query: URLSearchParams): void {
  const number = (name: string, otherwise: number) => Number(query.get(name) ?? otherwise);
  const [width = 640, height = 360] = (query.get("size") ?? "640x360").split("x").map(Number);
  const from = number("from", 1);
  const pictures = Array.from({ length: number("people", 9) }, (_, i) => {
    const hz = number("hz", i % 2 === 0 ? 200 : 110);
    return new Picture(from + i, hz, width, height);
  });
  const columns = Math.ceil(Math.sqrt(pictures.length));
  document.body.style.cssText = `margin:0;display:grid;gap:8px;grid-template-columns:repeat(${columns},1fr);background:#0e1116`;
  for (const { canvas } of pictures) {
    canvas.style.width = "100%";
    document.body.append(canvas);
  }
  const paint = (ms: number) => {
    pictures.forEach((picture, i) => {
      const speaks = Math.floor(ms / 1000) % pictures.length === i;
      picture.paint(ms / 1000, speaks ? Math.abs(Math.sin(ms / 90)) : 0);
    });
    requestAnimationFrame(paint);
  };
  requestAnimationFrame(paint);
}
