// The pool's stream of events. EventSource takes up a lost connection by itself,
// and says which event it had last; what it gives up is begun anew here.

const again = 3000; // milliseconds
const silence = 6000; // a status is due each second

export class Stream {
  // on: { event(e), status(s), gap(), opened(), state(word) }
  constructor(on) {
    this.on = on;
    this.last = 0;
    this.heard = 0;
    this.open();
    setInterval(() => this.watch(), 1000);
  }

  open() {
    this.source?.close();
    const source = (this.source = new EventSource("/v1/events?status=true" + (this.last ? `&after=${this.last}` : "")));
    this.heard = performance.now();
    source.onopen = () => this.on.opened();
    source.onerror = () => {
      this.on.state("lost");
      if (source.readyState === EventSource.CLOSED) this.later();
    };
    source.addEventListener("event", (m) => {
      const e = JSON.parse(m.data);
      if (e.id <= this.last) return;
      this.last = e.id;
      this.on.event(e);
    });
    source.addEventListener("status", (m) => {
      this.heard = performance.now();
      this.on.state("live");
      this.on.status(JSON.parse(m.data));
    });
    source.addEventListener("gap", () => this.on.gap());
  }

  // restart listens to another rota, whose events are counted anew.
  restart() {
    this.last = 0;
    this.open();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), again);
  }

  // watch sees a connection that is open and silent, as after a suspend.
  watch() {
    if (this.source.readyState === EventSource.OPEN && performance.now() - this.heard > silence) {
      this.on.state("lost");
      this.open();
    }
  }
}
