import { SluiceProvider } from '@sluice/sdk/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { settings } from './analytics.js';
import { App } from './app.js';

createRoot(document.querySelector('#root')!).render(
  <StrictMode>
    <SluiceProvider settings={settings}>
      <App />
    </SluiceProvider>
  </StrictMode>,
);
