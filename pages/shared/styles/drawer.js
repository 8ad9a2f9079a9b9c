// On a phone the controls cover the result. Streamlit closes them when anything outside them is tapped, but not for a
// button in a dialog that was opened from them: its answer would appear behind them.
window.onclick = (event) => {
  const PHONE = 768;
  const drawer = document.querySelector(".stSidebar");
  const isOver = innerWidth <= PHONE && drawer?.getBoundingClientRect().right > 0;
  if (isOver && event.target.closest?.(".stDialog [kind=primary]"))
    drawer.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
};
