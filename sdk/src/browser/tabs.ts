/** The pages of an origin among themselves. */
export interface Tabs<News> {
  /** Runs work while no other page does. Resolves early once this page has left. */
  takeTurn(work: () => Promise<void>): Promise<void>;
  tell(news: News): void;
  /** Lets go of everything: a page that holds a lock, waits for one or listens cannot be kept for going back. */
  leave(): void;
  comeBack(): void;
}

/** By Web Locks and a BroadcastChannel. Without locks (plain HTTP) the leases of messages alone keep pages apart. */
export function joinTabs<News>(name: string, onNews: (news: News) => void): Tabs<News> {
  let channel: BroadcastChannel | undefined;
  let letGo: () => void = () => undefined;

  function comeBack(): void {
    channel ??= new BroadcastChannel(name);
    channel.onmessage = ({ data }: MessageEvent<News>) => onNews(data);
  }

  comeBack();
  return {
    takeTurn(work) {
      const controller = new AbortController();
      const gone = new Promise<void>((resolve) => {
        letGo = () => {
          resolve();
          controller.abort();
        };
      });
      const turn = (): Promise<void> => Promise.race([gone, work()]);
      const { locks } = navigator as Partial<Navigator>;
      if (!locks) return turn();
      return Promise.race([gone, locks.request(name, { signal: controller.signal }, turn)]);
    },
    tell: (news) => channel?.postMessage(news),
    leave() {
      letGo();
      channel?.close();
      channel = undefined;
    },
    comeBack,
  };
}
