// The address says what the page shows, also where Back or Forward came while a run was under way: each may then have
// changed the address after the other. Parameters that embed the page stay; a page that is about to go has no say.
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
