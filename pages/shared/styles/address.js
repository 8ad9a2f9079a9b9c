// Make the address match what the page shows. Back or Forward during a run can leave them different, because the browser
// and the server may each change the address after the other. Embedding parameters stay; a page being left does nothing,
// nor does a run from before a step through the history: the run that answers that step is still to come.
(([run, page, asked, shown]) => {
  const {pathname, search, hash} = location;
  if (window.lastRun === run || pathname.split("/").pop() !== page) return;
  window.lastRun = run;
  const embeds = ([key]) => key === "embed" || key === "embed_options";
  const read = query => [...new URLSearchParams(query)].filter(pair => !embeds(pair));
  const same = (some, others) => sorted(some) === sorted(others);
  const sorted = pairs => JSON.stringify([...pairs].sort(([one], [other]) => one < other ? -1 : one > other ? 1 : 0));
  if (window.unanswered !== undefined && !same(read(window.unanswered), asked)) return;
  delete window.unanswered;
  if (same(read(search), shown)) return;
  const kept = [...new URLSearchParams(search)].filter(embeds);
  const said = new URLSearchParams([...shown, ...kept]).toString();
  history.replaceState(history.state, "", pathname + (said && `?${said}`) + hash);
})
