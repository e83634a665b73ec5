// One South: what it does, its items and groups, its settings.
import { groupList } from '../connector/groups.js';
import { itemTable } from '../connector/items.js';
import { open } from '../connector/page.js';

open({ items: itemTable, groups: groupList });
