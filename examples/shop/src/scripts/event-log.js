/**
 * The panel that shows each event of this visit and what became of it. The SDK hands every message to `redact` before it is
 * stored and tells of its end by `onDelivery`: `snippet.js` keeps both as news for this panel.
 */
const STORED_AS = 'millrace-event-log';
const LENGTH = 200;
const OUTCOMES = {
  waiting: 'waiting in the outbox',
  accepted: 'accepted: durable on the server',
  rejected: 'rejected by the server',
  dropped: 'dropped in this browser',
};

export function startEventLog() {
  const panel = document.createElement('aside');
  panel.className = 'event-log';
  panel.setAttribute('data-sluice-ignore', '');
  panel.innerHTML = `
    <button type="button" class="event-log-toggle" aria-expanded="false" aria-controls="event-log-list">
      <span class="dot accepted"></span> Events <span class="badge" data-count>0</span>
    </button>
    <ol id="event-log-list" hidden></ol>`;
  document.body.append(panel);
  const list = panel.querySelector('ol');
  const toggle = panel.querySelector('button');
  toggle.addEventListener('click', () => {
    list.hidden = !list.hidden;
    toggle.setAttribute('aria-expanded', String(!list.hidden));
  });

  const show = () => {
    const entries = readEntries();
    panel.querySelector('[data-count]').textContent = String(entries.length);
    list.replaceChildren(...entries.toReversed().map(createItem));
  };
  const hear = () => {
    for (const { message, delivery } of window.shop.news.splice(0)) {
      if (message !== undefined) noteMessage(message);
      if (delivery !== undefined) noteDelivery(delivery);
    }
    show();
  };
  addEventListener('sluice-news', hear);
  hear();
}

function createItem({ name, detail, outcome, at }) {
  const item = document.createElement('li');
  const dot = document.createElement('span');
  dot.className = `dot ${outcome}`;
  dot.title = OUTCOMES[outcome];
  const title = document.createElement('strong');
  title.textContent = name;
  const time = document.createElement('time');
  time.textContent = at;
  const text = document.createElement('small');
  text.textContent = detail;
  item.append(dot, title, time, text);
  return item;
}

/** @returns {{ id: string, name: string, detail: string, outcome: keyof typeof OUTCOMES, at: string }[]} */
function readEntries() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED_AS) ?? '[]');
  } catch {
    return [];
  }
}

function writeEntries(entries) {
  sessionStorage.setItem(STORED_AS, JSON.stringify(entries.slice(-LENGTH)));
}

/** Notes a message that was made, as the SDK will send it. */
function noteMessage({ messageId, type, event, properties = {}, timestamp, context }) {
  const words = Object.entries(properties)
    .filter(([, value]) => typeof value !== 'object')
    .map(([key, value]) => `${key} ${value}`);
  writeEntries([
    ...readEntries(),
    {
      id: messageId,
      name: event ?? (type === 'page' ? `Page ${context.page?.path ?? ''}` : type),
      detail: words.join(' · ').slice(0, 140),
      outcome: 'waiting',
      at: new Date(timestamp).toLocaleTimeString('en-GB'),
    },
  ]);
}

/** Notes what became of a message. */
function noteDelivery({ messageId, outcome }) {
  writeEntries(readEntries().map((entry) => (entry.id === messageId ? { ...entry, outcome } : entry)));
}
