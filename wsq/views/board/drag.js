// Moving cards with the mouse.

export class Drag {
  constructor(page) {
    this.page = page;
    this.id = null; // of the card that is dragged
  }

  /** Lets a card be dragged. */
  listenTo(element, card) {
    element.addEventListener("dragstart", (event) => {
      this.id = card.id;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", card.title);
      requestAnimationFrame(() => element.classList.add("dragged"));
    });
    element.addEventListener("dragend", () => this.#end());
  }

  /** Lets cards be dropped in a lane. */
  accept(lane) {
    lane.element.addEventListener("dragover", (event) => {
      if (this.id === null) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "move";
      this.#clearMarks();
      lane.element.classList.add("over");
      this.#cardBelow(lane, event)?.element.classList.add("before");
    });
    lane.element.addEventListener("dragleave", (event) => {
      if (!lane.element.contains(event.relatedTarget)) this.#clearMarks();
    });
    lane.element.addEventListener("drop", (event) => {
      if (this.id === null) return;
      event.preventDefault();
      this.#drop(lane, event);
    });
  }

  #drop(lane, event) {
    const { page, id } = this;
    const below = this.#cardBelow(lane, event);
    const others = page.inLane(lane.id).filter((card) => card.id !== id);
    const place = below ? others.findIndex((card) => card.id === below.id) : null;
    this.#end();
    if (!page.store.has(id)) return;
    const card = page.store.shown(id);
    const stays = card.lane === lane.id && page.placeOf(card) === (place ?? others.length);
    if (!stays) page.moveTo(card, lane.id, place);
  }

  /** The first card whose middle is below the mouse. */
  #cardBelow(lane, event) {
    const others = this.page.inLane(lane.id).filter((card) => card.id !== this.id);
    const views = others.map(({ id }) => ({ id, element: this.page.elements.get(id) }));
    return views.find(({ element }) => {
      if (element.hidden) return false;
      const box = element.getBoundingClientRect();
      return event.clientY < box.top + box.height / 2;
    });
  }

  #end() {
    this.page.elements.get(this.id)?.classList.remove("dragged");
    this.id = null;
    this.#clearMarks();
  }

  #clearMarks() {
    for (const marked of this.page.board.querySelectorAll(".over, .before")) marked.classList.remove("over", "before");
  }
}
