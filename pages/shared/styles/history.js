// Remember the address that Back or Forward led to until a run has answered it.
window.onpopstate = () => { window.unanswered = location.search; };
