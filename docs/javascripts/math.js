// Has KaTeX, which lies beside this file, set what arithmatex has found.
document$.subscribe(() => {
  for (const element of document.querySelectorAll(".arithmatex")) {
    const latex = element.textContent.trim();
    katex.render(latex.slice(2, -2), element, {
      displayMode: latex.startsWith("\\["),
      throwOnError: false,
    });
  }
});
