import { createContext } from 'react';
import type { Analytics } from '../core/types.js';

export const AnalyticsContext = createContext<Analytics | undefined>(undefined);
