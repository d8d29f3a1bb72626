// Takes the one-time token from the fragment or the query, signs in with it and goes on to a page of this host.
(async () => {
  const state = document.getElementById("state");
  const given = new URLSearchParams(location.hash.slice(1));
  const asked = new URLSearchParams(location.search);
  const ott = given.get("ott") || asked.get("ott");
  const wanted = given.get("targetURI") || asked.get("targetURI") || state.dataset.portal;
  const answer = await fetch(state.dataset.login, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Acronis-API": "1" },
    body: JSON.stringify({ ott: ott || "" }),
  });
  if (!answer.ok) {
    state.textContent = "This sign-in link was used already or is too old. Please go back and open it again.";
    return;
  }
  const target = new URL(wanted, location.href);
  location.replace(target.origin === location.origin ? target.href : state.dataset.portal);
})();
