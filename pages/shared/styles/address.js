// Make the address match what the page shows. Back or Forward during a run can leave them different, because the browser
// and the server may each change the address after the other. Embedding parameters stay; a page being left does nothing.
(([run, page, query]) => {
  const {pathname, search, hash} = location;
  if (window.lastRun === run || pathname.split("/").pop() !== page) return;
  window.lastRun = run;
  const embeds = ([key]) => key === "embed" || key === "embed_options";
  const sorted = pairs => JSON.stringify([...pairs].sort(([one], [other]) => one < other ? -1 : one > other ? 1 : 0));
  const now = [...new URLSearchParams(search)], kept = now.filter(embeds);
  if (sorted(now.filter(pair => !embeds(pair))) === sorted(query)) return;
  const said = new URLSearchParams([...query, ...kept]).toString();
  history.replaceState(history.state, "", pathname + (said && `?${said}`) + hash);
})
