/** Grain that never stands still, in the band between counter and flash: it gives a recording the size that one of people has. */
export function bustle(parent: HTMLElement): void {
  const grain = document.createElement("div");
  grain.style.cssText =
    "position: absolute; left: 0; top: 29%; width: 100%; height: 8%; will-change: background-position";
  grain.style.backgroundImage = `url(${noise(256)})`;
  parent.append(grain);
  const shake = () => {
    grain.style.backgroundPosition = `${at()} ${at()}`;
    requestAnimationFrame(shake);
  };
  requestAnimationFrame(shake);
}

const at = () => `${Math.floor(Math.random() * 256)}px`;

function noise(side: number): string {
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no canvas.");
  const picture = context.createImageData(side, side);
  for (let i = 0; i < picture.data.length; i += 4) {
    picture.data.fill(100 + Math.random() * 12, i, i + 3);
    picture.data[i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
  return canvas.toDataURL();
}
