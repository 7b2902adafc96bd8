// What somebody is typing stays, as it is outside of what is replaced.
setInterval(async () => {
  try {
    const answer = await fetch(location);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["main", "#turn"]) {
      const [now, next] = [document, page].map((each) => each.querySelector(part));
      if (now.outerHTML !== next.outerHTML) now.replaceWith(document.adoptNode(next));
    }
  } catch (error) {
    console.info("it is not there just now", error);
  }
}, 2000);
