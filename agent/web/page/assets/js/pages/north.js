// One North: what it does, its cache, its transformers, its settings.
import { cacheExplorer } from '../connector/cache.js';
import { linkList } from '../connector/links.js';
import { open } from '../connector/page.js';

open({ cache: cacheExplorer, transformers: linkList });
