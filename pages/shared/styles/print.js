// Just before the app is printed. Charts and tables are drawn for the width of the window, and there is no time to draw
// them again: the page keeps that width and shrinks to the paper's. All of it goes on one sheet, upright or lying, if
// that can still be read, and otherwise on as many upright ones as it takes.
window.onbeforeprint = () => {
  const MARGIN_MM = 10, PX_PER_MM = 96 / 25.4, READABLE = 0.5, SPARE = 0.96;
  const main = document.querySelector(".stMainBlockContainer > *");
  if (!main) return;
  const colors = getComputedStyle(document.querySelector(".stApp")).backgroundColor.match(/\d+/g).map(Number);
  document.documentElement.dataset.printed = colors[0] + colors[1] + colors[2] < 384 ? "dark" : "light";
  const menu = document.querySelector(".st-key-menu")?.offsetHeight ?? 0;
  const wide = main.offsetWidth, high = main.offsetHeight - menu;
  const shrunk = (width, height) => Math.min(
    1, (width - 2 * MARGIN_MM) * PX_PER_MM / wide, SPARE * (height - 2 * MARGIN_MM) * PX_PER_MM / high);
  const upright = shrunk(210, 297), lying = shrunk(297, 210), best = Math.max(upright, lying);
  const zoom = best >= READABLE ? best : shrunk(210, Infinity);
  const style = document.createElement("style");
  style.id = "printed";
  style.textContent = `
    @page {size: A4 ${best >= READABLE && lying > upright ? "landscape" : "portrait"}; margin: ${MARGIN_MM}mm}
    @media print {.stApp .stMainBlockContainer.stMainBlockContainer
      {width: ${wide}px; max-width: none; zoom: ${zoom}}}`;
  document.head.append(style);
};
window.onafterprint = () => {
  document.getElementById("printed")?.remove();
  delete document.documentElement.dataset.printed;
};
