// Parses and renders each of the texts in the element "texts", one JSON array,
// and leaves in the element "result" what Mermaid made of them: the arrows of
// its parser, the texts of its picture, and the boxes that overlap in it.
const text = (e) => e.textContent.replace(/\s+/g, " ").trim();

function overlaps(svg) {
  const boxes = [...svg.querySelectorAll(".edgeLabel .label, g.node")]
    .map((e) => ({ name: text(e.querySelector("foreignObject") ?? e), at: e.getBoundingClientRect() }))
    .filter((b) => b.at.width > 0 && b.name !== "");
  const found = [];
  boxes.forEach((a, i) =>
    boxes.slice(i + 1).forEach((b) => {
      const w = Math.min(a.at.right, b.at.right) - Math.max(a.at.left, b.at.left);
      const h = Math.min(a.at.bottom, b.at.bottom) - Math.max(a.at.top, b.at.top);
      if (w > 1 && h > 1) found.push(a.name + " / " + b.name);
    }),
  );
  return found.length ? found : null;
}

async function check(source, i) {
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(source);
  const arrows = db.getRelations().map((r) => ({ from: r.id1, to: r.id2 }));
  const { svg } = await mermaid.render("drawing" + i, source);
  const place = document.getElementById("place");
  place.innerHTML = svg;
  const all = (selector) => [...place.querySelectorAll(selector)].map(text).filter((s) => s !== "");
  return {
    arrows,
    title: all(".statediagramTitleText").join(" "),
    labels: all(".edgeLabel foreignObject"),
    states: all("g.node foreignObject"),
    extra: place.querySelectorAll("script, img, a, iframe, b, i, em, strong, code, li").length,
    overlaps: overlaps(place),
  };
}

async function main() {
  mermaid.initialize({ startOnLoad: false });
  const out = [];
  for (const [i, source] of JSON.parse(document.getElementById("texts").textContent).entries()) {
    out.push(await check(source, i).catch((e) => ({ error: String(e) })));
  }
  document.getElementById("result").textContent = JSON.stringify(out);
}

main();
