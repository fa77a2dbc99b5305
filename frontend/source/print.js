// A page made for paper (body[data-print]) is printed as it opens; [data-prints] prints it again.
if (document.body?.dataset.print !== undefined) window.addEventListener("load", () => window.print());
document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-prints]")) window.print();
});
