// On a phone the controls lie over the result. Streamlit folds them away when anything beside them is tapped, but not
// for the button of a dialog that was opened from them: its answer would come up behind them.
window.onclick = (event) => {
  const PHONE = 768;
  const drawer = document.querySelector(".stSidebar");
  const isOver = innerWidth <= PHONE && drawer?.getBoundingClientRect().right > 0;
  if (isOver && event.target.closest?.(".stDialog [kind=primary]"))
    drawer.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
};
