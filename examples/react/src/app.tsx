import { usePageViews, useTrack } from '@sluice/sdk/react';
import { useState, type MouseEvent, type SubmitEvent, type ReactNode } from 'react';
import type { Events } from './analytics.js';
import { navigate, useLocation } from './use-location.js';

export function App(): ReactNode {
  const { pathname, search } = useLocation();
  usePageViews(pathname, search);
  return (
    <main>
      <nav>
        <Link to="/">Notes</Link>
        <Link to="/about">About</Link>
      </nav>
      {pathname === '/about' ? <About /> : <Notes />}
    </main>
  );
}

function Link({ to, children }: { to: string; children: string }): ReactNode {
  const follow = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={to} onClick={follow}>
      {children}
    </a>
  );
}

function Notes(): ReactNode {
  const track = useTrack<Events>();
  const [notes, setNotes] = useState<readonly string[]>([]);

  const add = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const text = new FormData(form).get('note') as string;
    setNotes([...notes, text]);
    track('Note Added', { length: text.length });
    form.reset();
  };
  const remove = (position: number): void => {
    setNotes(notes.toSpliced(position, 1));
    track('Note Removed', { position });
  };
  return (
    <>
      <h1>Notes</h1>
      <form onSubmit={add}>
        <input name="note" aria-label="A note" placeholder="Water the plants" required />
        <button>Add</button>
      </form>
      <ul>
        {notes.map((note, position) => (
          <li key={`${position} ${note}`}>
            {note}
            <button type="button" aria-label={`Remove ${note}`} onClick={() => remove(position)}>
              ×
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function About(): ReactNode {
  return (
    <>
      <h1>About</h1>
      <p>Each page view, and each note that is added or removed, is an event. What a note says stays here.</p>
      <button type="button" data-sluice-event="Click" data-sluice-target="about:thanks">
        Good to know
      </button>
    </>
  );
}
