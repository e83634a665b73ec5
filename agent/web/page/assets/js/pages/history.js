// One history query: its progress, its items, bindings, cache and settings.
import { open } from '../history/page.js';

open();
