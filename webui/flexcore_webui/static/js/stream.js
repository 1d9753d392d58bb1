// The live stream: opens it, opens it again, and says when nothing comes any more.

const SILENT_MS = 3000;
const RETRY_MS = [1000, 2000, 5000, 5000, 10000];

export class Stream {
  /** `onSnapshot(data)`, `onSilence()` once when the stream falls silent, `onRefused()` when signed out. */
  constructor(url, snapshotUrl, { onSnapshot, onSilence, onRefused }) {
    this.url = url;
    this.snapshotUrl = snapshotUrl;
    this.onSnapshot = onSnapshot;
    this.onSilence = onSilence;
    this.onRefused = onRefused;
    this.heardAt = performance.now();
    this.silent = false;
    this.failures = 0;
    this.source = null;
    this.timer = null;
    setInterval(() => this.listen(), 500);
  }

  open() {
    this.close();
    const source = new EventSource(this.url);
    this.source = source;
    source.addEventListener("snapshot", (event) => this.hear(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      // A closed source was refused (signed out, too many) or the proxy has lost the page: ask why, retry.
      if (source.readyState === EventSource.CLOSED && this.source === source) this.retry();
    });
  }

  close() {
    clearTimeout(this.timer);
    this.timer = null;
    this.source?.close();
    this.source = null;
  }

  retry() {
    this.close();
    const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    this.timer = setTimeout(() => this.ask(), wait);
  }

  /** Why was the stream refused? Signed out: say so. Every place taken: ask for single snapshots. */
  async ask() {
    try {
      const { status } = await fetch(this.url, { method: "HEAD", cache: "no-store" });
      if (status === 401) return this.onRefused();
      if (status === 429) {
        const answer = await fetch(this.snapshotUrl, { cache: "no-store" });
        if (answer.ok) this.hear(await answer.json());
        this.failures = 0;
        return this.retry();
      }
    } catch {
      // The box is away: the stream below finds out the same way.
    }
    this.open();
  }

  hear(snapshot) {
    this.heardAt = performance.now();
    this.silent = false;
    this.failures = 0;
    this.onSnapshot(snapshot);
  }

  /** Nothing heard for too long: say so, and replace a connection that only looks alive. */
  listen() {
    if (!this.source && !this.timer) return;
    const silence = performance.now() - this.heardAt;
    if (silence > SILENT_MS && !this.silent) {
      this.silent = true;
      this.onSilence();
    }
    if (silence > 4 * SILENT_MS && this.source && this.source.readyState === EventSource.OPEN) {
      this.heardAt = performance.now() - SILENT_MS;
      this.open();
    }
  }

  get silentSeconds() {
    return (performance.now() - this.heardAt) / 1000;
  }
}
